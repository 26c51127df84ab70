// Privacy of whole sites: what it costs, and what is done to an update.
#include "privacy/site_plan.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "aggregation/weighted_mean.h"
#include "collegium/error.h"
#include "collegium/vector_ops.h"
#include "privacy/accountant.h"
#include "privacy/central_plan.h"
#include "privacy/noise.h"
#include "privacy/update_noise.h"
#include "support/expect_problem.h"

namespace collegium {
namespace {

using testing::HasSubstr;

PrivacyConfig site_privacy(double epsilon, double delta) {
  PrivacyConfig privacy;
  privacy.unit = "site";
  privacy.clip = 2;
  privacy.epsilon = epsilon;
  privacy.delta = delta;
  return privacy;
}

TrainingConfig training(const std::string& weighting = "iterations") {
  TrainingConfig config;
  config.local_steps = 7;
  config.local_epochs = 0;
  config.weighting = weighting;
  return config;
}

// z = 10 over 300 rounds is epsilon 8.38542 at delta 1e-5: the curve of Balle and Wang 2018, Thm.
// 8, with mu = sqrt(300) / 10, solved in double outside this program.
TEST(SitePlan, CalibratesTheNoiseToTheExactCurveOverAllRounds) {
  const SitePlan plan = SitePlan::of(training(), site_privacy(8.3854189, 1e-5), 0, 300);
  EXPECT_NEAR(plan.noise_multiplier, 10.0, 1e-4);
  PrivacyEvent event = plan.event();
  EXPECT_EQ(event.kind, PrivacyEvent::Kind::gaussian);
  event.count = 300;
  EXPECT_LE(epsilon({&event, 1}, 1e-5), 8.3854189);
}

TEST(SitePlan, TakesStepsAndWeightsFromPublicNumbers) {
  EXPECT_EQ(SitePlan::of(training(), site_privacy(1, 1e-3), 0, 3).weight, 7);
  EXPECT_EQ(SitePlan::of(training("equal"), site_privacy(1, 1e-3), 0, 3).weight, 1);
  EXPECT_EQ(SitePlan::of(training("subjects"), site_privacy(1, 1e-3), 40, 3).weight, 40);
  EXPECT_EQ(SitePlan::of(training(), site_privacy(1, 1e-3), 0, 3).steps, 7);
  PrivacyConfig capped = site_privacy(1, 1e-3);
  capped.where = "coordinator";
  capped.max_weight = 25;
  EXPECT_EQ(SitePlan::of(training("subjects"), capped, 40, 3).weight, 25);
  EXPECT_EQ(largest_weight(training("subjects"), capped), 25);
  EXPECT_EQ(largest_weight(training(), capped), 7);
}

TEST(SitePlan, RefusesWhatWouldTellATrueCount) {
  TrainingConfig epochs;
  EXPECT_THAT(problem_of([&] { SitePlan::of(epochs, site_privacy(1, 1e-3), 40, 3); }).remedy,
              HasSubstr("local_steps"));
  EXPECT_THAT(
      problem_of([&] { SitePlan::of(training("subjects"), site_privacy(1, 1e-3), 0, 3); }).where,
      HasSubstr("n_public"));
}

Layout partly_frozen() {
  Layout layout;
  layout.add("stem", {3}, false);
  layout.add("weight", {4000});
  layout.add("running_mean", {2}, false);
  layout.add("bias", {7});
  return layout;
}

TEST(UpdateNoise, ClipsWhatIsTrainableAndSilencesTheRest) {
  const Layout layout = partly_frozen();
  std::vector<float> update(layout.size(), 3.0f);
  clip_update(update, layout, 2.0);
  for (const std::size_t frozen : {0u, 2u, 4003u, 4004u}) EXPECT_EQ(update[frozen], 0.0f);
  EXPECT_LE(l2_norm(update), 2.0);
  EXPECT_GT(l2_norm(update), 1.99);

  std::vector<float> small(layout.size(), 0.0f);
  small[5] = 1.0f;
  clip_update(small, layout, 2.0);
  EXPECT_EQ(small[5], 1.0f);

  std::vector<float> broken(layout.size(), 1.0f);
  broken[9] = std::nanf("");
  clip_update(broken, layout, 2.0);
  EXPECT_EQ(l2_norm(broken), 0.0);
}

// Sum of squares of n normals: n +- 6.5 sqrt(2 n) misses with probability below 1e-10.
TEST(UpdateNoise, HasTheStandardDeviationAskedForOnEveryTrainableValueAndNoneElsewhere) {
  const Layout layout = partly_frozen();
  const auto random = NoiseSource::system().stream(NoisePurpose::mechanism, 1);
  std::vector<float> update(layout.size(), 0.0f);
  update[1] = 8.0f;  // a frozen value somebody sent all the same
  noise_update(update, layout, 0.5, *random);
  for (const std::size_t frozen : {0u, 1u, 2u, 4003u, 4004u}) EXPECT_EQ(update[frozen], 0.0f);
  double squares = 0;
  for (const float value : update) squares += static_cast<double>(value) * value;
  constexpr double n = 4007;
  EXPECT_NEAR(squares / 0.25, n, 6.5 * std::sqrt(2 * n));
  EXPECT_NE(update[4005], update[4006]);
}

TEST(UpdateNoise, IsAnotherDrawEachTime) {
  const Layout layout = partly_frozen();
  const auto random = NoiseSource::system().stream(NoisePurpose::central_noise, 0);
  std::vector<float> first(layout.size()), second(layout.size());
  noise_update(first, layout, 1, *random);
  noise_update(second, layout, 1, *random);
  EXPECT_NE(first, second);
}

// ---- the coordinator's noise

class Unbounded final : public Aggregator {
 public:
  Traits traits() const override { return {}; }
  void accumulate(const Update&) override {}
  void merge(Aggregator&) override {}
  void finish(std::span<float>) override {}
};

TEST(CentralPlan, RefusesAnAggregatorThatOneSiteMovesByAnything) {
  const Problem problem = problem_of([] { CentralPlan::sensitivity_of(Unbounded(), 1, 1, 2, 5); });
  EXPECT_THAT(problem.where, HasSubstr("[aggregator]"));
  EXPECT_THAT(problem.remedy, HasSubstr("where = \"site\""));
}

// Whatever the updates and whoever is missing: with and without one site the aggregates lie within
// the stated sensitivity, and a worst case comes close to it.
TEST(CentralPlan, BoundsWhatOneSiteMovesUnderAConstantDenominator) {
  Settings settings;
  settings.set("denominator", 20.0);
  const double bound =
      CentralPlan::sensitivity_of(WeightedMean(settings), /*clip=*/2, /*weight=*/4, 2, 5);
  EXPECT_DOUBLE_EQ(bound, 2.0 * 4 / 20);
  std::mt19937_64 random(5);
  std::normal_distribution<float> normal;
  double largest = 0;
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<std::vector<float>> updates(2 + random() % 4, std::vector<float>(6));
    for (auto& update : updates) {
      for (float& value : update) value = normal(random) * 3;
      clip_to_norm(update, 2);
    }
    const auto aggregate = [&](std::size_t first) {
      WeightedMean mean(settings);
      for (std::size_t i = first; i < updates.size(); ++i)
        mean.accumulate({updates[i], i % 2 ? 4.0 : 3.5, "site"});
      std::vector<float> result(6);
      mean.finish(result);
      return result;
    };
    const auto with = aggregate(0), without = aggregate(1);
    std::vector<float> moved(6);
    subtract(with, without, moved);
    largest = std::max(largest, l2_norm(moved));
    EXPECT_LE(l2_norm(moved), bound);
  }
  EXPECT_GT(largest, 0.8 * bound);
}

TEST(CentralPlan, ReleasesNothingWhenTheWeightsAreMoreThanWasPlannedFor) {
  Settings settings;
  settings.set("denominator", 20.0);
  const WeightedMean mean(settings);
  const CentralPlan plan{.clip = 2,
                         .sensitivity = CentralPlan::sensitivity_of(mean, 2, 4, 2, 5),
                         .noise_multiplier = 1,
                         .delta = 1e-3};
  EXPECT_NO_THROW(plan.check(mean, std::vector<double>{4, 4, 1}));
  EXPECT_THROW(plan.check(mean, std::vector<double>{4, 4.1}), PluginError);
  EXPECT_THROW(plan.check(Unbounded(), std::vector<double>{1}), PluginError);
}

// With the realised sum in the denominator, the fewest sites make the most sensitive mean.
TEST(CentralPlan, TakesTheWorstOfTheFewestAndTheMostSites) {
  EXPECT_DOUBLE_EQ(CentralPlan::sensitivity_of(WeightedMean(Settings()), 1, 3, 4, 10), 2.0 / 4);
}

}  // namespace
}  // namespace collegium
