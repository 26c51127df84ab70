// Metrics of a site that protects its patients: released in some rounds, under noise that is paid
// for.
#include <gmock/gmock.h>

#include <cmath>

#include "privacy/noise.h"
#include "transport/charge_book.h"
#include "transport/toy_federation.h"

namespace collegium {
namespace {

using namespace toy;

constexpr int kSubjects = 5;
constexpr double kNoise = 0.5;

// Four scores, one of them out of its range.
class Scored final : public Trainer {
 public:
  const Layout& layout() const override { return layout_; }
  PrivacyEvent cost(const TrainTask&) const override {
    return {.kind = PrivacyEvent::Kind::gaussian, .noise_multiplier = 3};
  }
  TrainResult train(std::span<const float>, std::span<float>, const TrainTask&,
                    const Progress&) override {
    return {.weight = 1, .steps = 1, .metrics = {}, .note = {}};
  }
  std::vector<Metric> evaluate(std::span<const float>, const TrainTask&) override {
    return {{"dice_a", 0.5, 3}, {"dice_b", 0.25, 5}, {"dice_c", 1.0, 5}, {"dice_d", 7.0, 5}};
  }

 private:
  Layout layout_ = layout_of(4);
};

at_site::Train order(std::uint64_t round) {
  at_site::Train order;
  order.task.round = round;
  order.task.rounds = 10;
  order.task.training.set("validation", kSubjects);
  order.task.training.set("local_steps", 1);
  order.task.privacy.set("noise_multiplier", 3.0);
  order.task.privacy.set("delta", 1e-3);
  order.task.privacy.set("metrics_every", 4);
  order.task.privacy.set("metrics_noise", kNoise);
  order.model = bytes_of(std::vector<float>(4));
  order.evaluate = true;
  return order;
}

at_site::Prepare run() {
  const TrainTask task = order(1).task;
  return {.run = "aa",
          .rounds = task.rounds,
          .network = {},
          .training = task.training,
          .privacy = task.privacy,
          .mechanism = {}};
}

class MetricsRelease : public testing::Test {
 protected:
  std::unique_ptr<NoiseStream> random_ = NoiseSource::system().stream(NoisePurpose::mechanism, 0);
  ChargeBook book_;
  TrainerWork work_{{.site = "guys", .random = random_.get(), .vault = &book_},
                    std::make_shared<Scored>(),
                    run()};
  const Progress go_on_ = [](std::int64_t, std::int64_t, double) { return true; };
};

TEST_F(MetricsRelease, IsChargedBesideTheTrainingInItsRoundsAndDoesNotHappenInOthers) {
  work_.reserve(order(1).task, 1);
  ASSERT_EQ(book_.charged.size(), 2u);
  EXPECT_EQ(book_.charged[1].kind, PrivacyEvent::Kind::gaussian);
  EXPECT_EQ(book_.charged[1].noise_multiplier, kNoise);
  EXPECT_EQ(work_.train(order(1), go_on_).result.metrics.size(), 4u);
  work_.reserve(order(2).task, 1);
  EXPECT_EQ(book_.charged.size(), 1u);
  EXPECT_TRUE(work_.train(order(2), go_on_).result.metrics.empty())
      << "whatever the coordinator asks for";
  work_.reserve(order(5).task, 1);
  EXPECT_EQ(book_.charged.size(), 2u);
}

TEST_F(MetricsRelease, StandsInTheScheduleOfTheWholeRun) {
  std::vector<PrivacyEvent> rounds;
  for (std::uint64_t round = 1; round <= 10; ++round) {
    work_.reserve(order(round).task, 1);
    rounds.insert(rounds.end(), book_.charged.begin(), book_.charged.end());
  }
  EXPECT_EQ(rounds.size(), 13u) << "ten rounds, metrics in 1, 5 and 9";
  EXPECT_EQ(book_.scheduled, rounds);
}

// 500 releases of four values: 2000 normals of variance (z sqrt(4) / 5)^2. Their mean square misses
// 1 +- 6.5 sqrt(2 / 2000) with probability below 1e-10; each mean misses 6.5 / sqrt(500) likewise.
TEST_F(MetricsRelease, HasTheNoiseOfFourMeansOverThePublicNumberOfSubjects) {
  const double sigma = kNoise * 2 / kSubjects;
  const std::array<double, 4> expected = {0.5, 0.25, 1.0, 1.0};  // 7 counts as 1
  std::array<double, 4> mean{};
  double squares = 0;
  for (int i = 0; i < 500; ++i) {
    const auto metrics = work_.train(order(1), go_on_).result.metrics;
    for (std::size_t k = 0; k < 4; ++k) {
      EXPECT_EQ(metrics[k].count, kSubjects) << "never how many had the region";
      mean[k] += (metrics[k].value - expected[k]) / 500;
      squares += std::pow((metrics[k].value - expected[k]) / sigma, 2);
    }
  }
  EXPECT_NEAR(squares / 2000, 1, 6.5 * std::sqrt(2.0 / 2000));
  for (const double one : mean) EXPECT_NEAR(one / sigma, 0, 6.5 / std::sqrt(500));
}

}  // namespace
}  // namespace collegium
