// What is refused before a run starts: a row here for each row of docs/privacy.md, "What is
// refused".
#include "runtime/privacy_rules.h"

#include <gmock/gmock.h>

#include "collegium/error.h"
#include "plugin/registry.h"
#include "privacy/accountant.h"
#include "runtime/coordinator_setup.h"
#include "support/expect_problem.h"
#include "support/places.h"

namespace collegium {
namespace {

using testing::HasSubstr;

constexpr const char* kSitePrivacy =
    "[federation]\nsites = ['a', 'b', 'c']\nrounds = 4\n[training]\nlocal_steps = 2\n";

void check(const std::string& toml) {
  check_run(FederationConfig::read(Settings::parse(toml, "federation.toml")));
}

struct Row {
  const char* name;
  std::string toml;
  const char* where;
  const char* remedy;
};

class Refused : public testing::TestWithParam<Row> {};

TEST_P(Refused, BeforeTheStartWithTheRemedy) {
  const Problem problem = problem_of([&] { check(GetParam().toml); });
  EXPECT_THAT(problem.where + " " + problem.what, HasSubstr(GetParam().where));
  EXPECT_THAT(problem.remedy, HasSubstr(GetParam().remedy));
  EXPECT_FALSE(problem.what.empty());
}

std::string site_privacy(const std::string& keys, const std::string& more = "") {
  return kSitePrivacy + ("[privacy]\nunit = 'site'\n" + keys) + "\n" + more;
}

constexpr const char* kCentral = "where = 'coordinator'\nepsilon = 3\ndelta = 1e-3";
const std::string kMedian =
    "[aggregator]\nname = 'coordinate_median'\n[plugins]\npaths = ['" + plugin_folder() + "']";
constexpr const char* kLocal = "epsilon = 3\ndelta = 1e-3";

INSTANTIATE_TEST_SUITE_P(
    Configuration, Refused,
    testing::Values(
        Row{"CentralNoiseOverAnAggregatorWithoutBound", site_privacy(kCentral, kMedian),
            "[aggregator] name", "where = \"site\""},
        Row{"SitesWithMechanisms", site_privacy(kLocal, "[mechanism]\nname = 'no_matter_which'"),
            "[mechanism]", "leave it out"},
        Row{"StepsThatFollowTrueCounts", "[privacy]\nunit = 'site'\nepsilon = 3\ndelta = 1e-3",
            "local_epochs", "local_steps"},
        Row{"CentralWeightsWithoutBound",
            std::string(
                "[federation]\nsites = ['a', 'b']\n[training]\nlocal_steps = 2\nweighting = "
                "'subjects'\n[privacy]\nunit = 'site'\n") +
                kCentral,
            "max_weight", "equal"},
        Row{"AMaxWeightThatBoundsNothing", site_privacy(std::string(kCentral) + "\nmax_weight = 3"),
            "max_weight", "leave it out"},
        Row{"DeltaNotBelowOneOverTheSites", site_privacy("epsilon = 3\ndelta = 0.34"), "delta",
            "well below"},
        Row{"ANormBoundBelowTheClip", site_privacy(kCentral, "[server]\nnorm_bound = 0.5"),
            "norm_bound", "clip"},
        Row{"WhereOfPatients", "[privacy]\nwhere = 'coordinator'\nepsilon = 3\ndelta = 1e-3",
            "where", "unit = \"site\""},
        Row{"SumsOfPatients", "[privacy]\nwhere = 'sum'\nepsilon = 3\ndelta = 1e-3", "where",
            "unit = \"site\""},
        Row{"SumsWithoutSecureAggregation",
            site_privacy("where = 'sum'\nepsilon = 3\ndelta = 1e-3"), "[privacy] where",
            "add the table"},
        Row{"ColludingWithoutSums", site_privacy("colluding = 1\nepsilon = 3\ndelta = 1e-3"),
            "colluding", "leave it out"},
        Row{"SamplingRateOfSites", site_privacy("sampling_rate = 0.5\nepsilon = 3\ndelta = 1e-3"),
            "sampling_rate", "leave it out"},
        Row{"KindsOfClippingOfSites",
            site_privacy("clipping = 'adaptive'\nepsilon = 3\ndelta = 1e-3"), "clipping",
            "leave it out"},
        Row{"MetricsOfWholeSites",
            site_privacy("metrics_every = 1\nmetrics_noise = 1\nepsilon = 3\ndelta = 1e-3"),
            "metrics_every", "leave it out"},
        Row{"MetricsWithoutNoise", std::string("[privacy]\nmetrics_every = 1\n") + kLocal,
            "metrics_noise", "how much noise"},
        Row{"NoiseForMetricsThatStay", std::string("[privacy]\nmetrics_noise = 1\n") + kLocal,
            "metrics_every", "how often"},
        Row{"MetricsOfNobody",
            std::string("[privacy]\nmetrics_every = 1\nmetrics_noise = 1\n") + kLocal, "validation",
            "leave out"},
        Row{"BothEpsilonAndNoise", site_privacy("epsilon = 3\nnoise_multiplier = 2\ndelta = 1e-3"),
            "noise_multiplier", "state epsilon"},
        Row{"NoDelta", site_privacy("epsilon = 3"), "delta", "1 /"}),
    [](const auto& info) { return std::string(info.param.name); });

// Numbers that mean nothing are refused by their key, before anything else is looked at.
TEST(Refused, NumbersThatMeanNothing) {
  for (const char* unit : {"patient", "site"}) {
    for (const char* keys :
         {"epsilon = nan\ndelta = 1e-3", "epsilon = inf\ndelta = 1e-3", "epsilon = 0\ndelta = 1e-3",
          "epsilon = -1\ndelta = 1e-3", "epsilon = 1\ndelta = 0", "epsilon = 1\ndelta = 1",
          "epsilon = 1\ndelta = nan", "epsilon = 1\ndelta = -1e-5",
          "noise_multiplier = 0\ndelta = 1e-3", "noise_multiplier = inf\ndelta = 1e-3",
          "noise_multiplier = nan\ndelta = 1e-3", "epsilon = 1\ndelta = 1e-3\nclip = 0",
          "epsilon = 1\ndelta = 1e-3\nclip = inf", "epsilon = 1\ndelta = 1e-3\nclip = nan"}) {
      SCOPED_TRACE(std::string(unit) + ": " + keys);
      const Problem problem = problem_of([&] {
        check(kSitePrivacy + ("[privacy]\nunit = '" + std::string(unit) + "'\n") + keys);
      });
      EXPECT_THAT(problem.where, HasSubstr("federation.toml:"));
    }
  }
}

TEST(Refused, ADeltaThatIsNotBelowOneOverThePatients) {
  PrivacyConfig privacy;
  privacy.epsilon = 3;
  privacy.delta = 1.0 / 20;
  TrainingConfig training;
  training.local_steps = 5;
  const Problem problem = problem_of([&] { cost_of_run(training, privacy, 20, 5); });
  EXPECT_THAT(problem.where, HasSubstr("delta"));
  EXPECT_THAT(problem.expected, HasSubstr("1 / 20"));
  privacy.delta = 0.04;
  EXPECT_NO_THROW(cost_of_run(training, privacy, 20, 5));
}

TEST(Refused, MetricsThatAloneCostMoreThanTheRunMay) {
  PrivacyConfig privacy;
  privacy.epsilon = 1;
  privacy.delta = 1e-3;
  privacy.metrics_every = 1;
  privacy.metrics_noise = 0.5;
  TrainingConfig training;
  training.local_steps = 5;
  const Problem problem = problem_of([&] { cost_of_run(training, privacy, 40, 20); });
  EXPECT_THAT(problem.where, HasSubstr("metrics_noise"));
  EXPECT_THAT(problem.remedy, HasSubstr("metrics_every"));
}

// ---- and what is allowed

TEST(ReleasedMetrics, ArePartOfWhatTheRunMayCost) {
  TrainingConfig training;
  training.batch_size = 4;
  training.local_steps = 5;
  PrivacyConfig privacy;
  privacy.epsilon = 4;
  privacy.delta = 1e-3;
  const auto plain = cost_of_run(training, privacy, 40, 10);
  privacy.metrics_every = 3;
  privacy.metrics_noise = 6;
  const auto with = cost_of_run(training, privacy, 40, 10);
  ASSERT_EQ(with.size(), 2u);
  EXPECT_EQ(with[1].count, 4) << "rounds 1, 4, 7 and 10";
  EXPECT_EQ(with[1].noise_multiplier, 6);
  EXPECT_GT(with[0].noise_multiplier, plain[0].noise_multiplier);
  EXPECT_LE(epsilon(with, 1e-3), 4);
  EXPECT_GT(epsilon(with, 1e-3), 3.999);
}

TEST(CentralPrivacy, DividesByTheWeightThatAllSitesHaveTogether) {
  const auto config =
      FederationConfig::read(Settings::parse(site_privacy(kCentral), "federation.toml"));
  EXPECT_EQ(aggregator_settings(config).number("denominator"), 3 * 2.0);
  const auto plan = central_plan(config);
  ASSERT_TRUE(plan.has_value());
  EXPECT_DOUBLE_EQ(plan->sensitivity, 1.0 * 2 / 6);
  EXPECT_EQ(largest_norm(config), 1.0) << "an update that is not clipped is not taken";
}

TEST(CentralPrivacy, KeepsADenominatorThatIsStated) {
  const auto config = FederationConfig::read(
      Settings::parse(site_privacy(kCentral, "[aggregator]\ndenominator = 4"), "federation.toml"));
  EXPECT_EQ(aggregator_settings(config).number("denominator"), 4.0);
  EXPECT_DOUBLE_EQ(central_plan(config)->sensitivity, 1.0 * 2 / 4);
}

TEST(LocalSitePrivacy, GoesWithAnyAggregator) {
  EXPECT_NO_THROW(check(site_privacy(kLocal, kMedian)));
}

}  // namespace
}  // namespace collegium
