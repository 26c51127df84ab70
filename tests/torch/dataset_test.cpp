#include "torch/data/dataset.h"

#include <gtest/gtest.h>

#include <numeric>

#include "collegium/error.h"

namespace collegium {
namespace {

Array floats(std::vector<std::int64_t> shape) {
  auto values = std::make_shared<std::vector<float>>(
      static_cast<std::size_t>(Array{nullptr, ElementType::float32, shape, {}}.size()));
  std::iota(values->begin(), values->end(), 0.0f);
  return {values->data(), ElementType::float32, std::move(shape), values};
}

TEST(TensorDataset, HandsOutRowsWithoutCopying) {
  const auto x = floats({4, 3}), y = floats({4});
  const TensorDataset data(x, y);
  const auto item = data.sample(2);
  EXPECT_EQ(item.input.data, static_cast<const float*>(x.data) + 6);
  EXPECT_EQ(item.input.shape, (std::vector<std::int64_t>{3}));
  EXPECT_EQ(item.target.data, static_cast<const float*>(y.data) + 2);
  EXPECT_TRUE(item.target.shape.empty());
}

TEST(TensorDataset, KeepsTheMemoryAlive) {
  auto x = floats({1, 2});
  const std::weak_ptr<const void> memory = x.owner;
  auto item = TensorDataset(std::move(x), floats({1})).sample(0);
  EXPECT_FALSE(memory.expired());
  item = {};
  EXPECT_TRUE(memory.expired());
}

TEST(TensorDataset, CountsPatientsWithSeveralSamplesOnce) {
  const TensorDataset data(floats({5, 2}), floats({5}), {0, 1, 0, 2, 1});
  EXPECT_EQ(data.size(), 5u);
  EXPECT_EQ(data.subjects(), 3u);
  EXPECT_EQ(data.subject(4), 1u);
}

TEST(TensorDataset, RefusesWhatDoesNotFitTogether) {
  EXPECT_THROW(TensorDataset(floats({4, 3}), floats({5})), DataError);
  EXPECT_THROW(TensorDataset(floats({2, 3}), floats({2}), {0}), DataError);
  EXPECT_THROW(TensorDataset(floats({2, 3}), floats({2}), {0, 2}),
               DataError);  // a gap: subject 1 has no sample
  EXPECT_THROW(TensorDataset(floats({2, 3}), floats({2})).sample(2), DataError);
}

TEST(SubjectSubset, KeepsSamplesAndNamesOfItsSubjects) {
  const auto whole = std::make_shared<TensorDataset>(floats({5, 2}), floats({5}),
                                                     std::vector<std::size_t>{0, 1, 0, 2, 1});
  const SubjectSubset subset(whole, {2, 1});
  EXPECT_EQ(subset.subjects(), 2u);
  EXPECT_EQ(subset.size(), 3u);
  EXPECT_EQ(subset.name(0), "2");
  EXPECT_EQ(subset.name(1), "1");
  EXPECT_EQ(subset.sample(1).input.data, whole->sample(3).input.data);
  EXPECT_EQ(subset.subject(1), 0u);
}

}  // namespace
}  // namespace collegium
