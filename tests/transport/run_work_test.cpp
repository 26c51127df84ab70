#include "transport/run_work.h"

#include <gtest/gtest.h>

#include "transport/toy_federation.h"

namespace collegium {
namespace {

constexpr std::size_t kSize = 600'000;  // floats: three chunks

std::vector<float> ramp(float slope) {
  std::vector<float> values(kSize);
  for (std::size_t i = 0; i < kSize; ++i) values[i] = slope * static_cast<float>(i % 1000);
  return values;
}

// Not linear: the largest value any site has. Looks at all updates at the end.
class Largest final : public Aggregator {
 public:
  Traits traits() const override { return {.linear = false, .retains_updates = true}; }
  void accumulate(const Update& update) override { updates_.push_back(update.values); }
  void merge(Aggregator&) override {}
  void finish(std::span<float> delta) override {
    for (std::size_t i = 0; i < delta.size(); ++i) {
      delta[i] = updates_[0][i];
      for (const auto update : updates_) delta[i] = std::max(delta[i], update[i]);
    }
  }

 private:
  std::vector<std::span<const float>> updates_;
};

// As chunks that arrived one by one.
Chunks chunks_of(const std::vector<float>& values) {
  Chunks chunks(bytes_of(values));
  for (Bytes& part : chunks.parts) part = Bytes::copy_of(part.view);
  return chunks;
}

RunWork::Options options_of(std::function<std::unique_ptr<Aggregator>()> aggregator) {
  RunWork::Options options;
  options.rules.layout_size = kSize;
  options.aggregator = std::move(aggregator);
  options.model = std::make_shared<const Blob>(Blob::of(bytes_of(std::vector<float>(kSize, 1.0f))));
  return options;
}

TEST(RunWork, AveragesALargeModelInPartsAndLetsGoOfEachUpdateAtOnce) {
  int made = 0;
  RunWork work(options_of([&] {
    ++made;
    return registry().make_aggregator("weighted_mean", Settings{});
  }));
  work.open_aggregate(1);
  EXPECT_EQ(made, 3);
  Chunks first = chunks_of(ramp(0.5f));
  const std::weak_ptr<const void> held = first.parts.back().owner;
  EXPECT_FALSE(work.accumulate("guys", std::move(first), 1));
  EXPECT_TRUE(held.expired());
  EXPECT_FALSE(work.accumulate("kings", chunks_of(ramp(-1.0f)), 3));
  const SharedBlob model = work.finish_aggregate({});
  const std::vector<float> after = toy::values_of(model);
  ASSERT_EQ(after.size(), kSize);
  for (std::size_t i = 0; i < kSize; ++i)  // 1 + (0.5 - 3) / 4 (i mod 1000)
    ASSERT_FLOAT_EQ(after[i], 1.0f - 0.625f * static_cast<float>(i % 1000)) << i;
}

TEST(RunWork, GivesWholeUpdatesToAnAggregatorThatIsNotLinear) {
  int made = 0;
  RunWork work(options_of([&] {
    ++made;
    return std::make_unique<Largest>();
  }));
  work.open_aggregate(1);
  EXPECT_EQ(made, 1);
  EXPECT_FALSE(work.accumulate("guys", chunks_of(ramp(-1.0f)), 1));
  EXPECT_FALSE(work.accumulate("kings", chunks_of(ramp(2.0f)), 1));
  const std::vector<float> after = toy::values_of(work.finish_aggregate({}));
  for (std::size_t i = 0; i < kSize; ++i)
    ASSERT_EQ(after[i], 1.0f + 2.0f * static_cast<float>(i % 1000)) << i;
}

TEST(RunWork, NamesTheFirstValueOfALargeUpdateThatIsNotFinite) {
  RunWork work(options_of([] { return registry().make_aggregator("weighted_mean", Settings{}); }));
  work.open_aggregate(1);
  std::vector<float> bad = ramp(1.0f);
  bad[500'001] = std::numeric_limits<float>::infinity();
  const auto refusal = work.accumulate("guys", chunks_of(bad), 1);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, RefusalCode::not_finite);
  EXPECT_NE(refusal->text.find("element 500001 "), std::string::npos) << refusal->text;
}

// A plugin of huge and finite taste.
class Huge final : public Aggregator {
 public:
  Traits traits() const override { return {.linear = false, .retains_updates = false}; }
  void accumulate(const Update&) override {}
  void merge(Aggregator&) override {}
  void finish(std::span<float> delta) override {
    std::fill(delta.begin(), delta.end(), std::numeric_limits<float>::max());
  }
};

// The model before it is finite, and so is the change: their sum is not.
TEST(RunWork, GivesNoModelThatIsNotFinite) {
  RunWork::Options options = options_of([] { return std::make_unique<Huge>(); });
  const std::vector<float> before(kSize, std::numeric_limits<float>::max());
  options.model = std::make_shared<const Blob>(Blob::of(bytes_of(before)));
  RunWork work(std::move(options));
  work.open_aggregate(1);
  EXPECT_FALSE(work.accumulate("guys", chunks_of(ramp(0.5f)), 1));
  EXPECT_THROW(work.finish_aggregate({}), PluginError);
}

}  // namespace
}  // namespace collegium
