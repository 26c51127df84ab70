#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "collegium/error.h"
#include "plugin/fixture.h"
#include "plugin/loader.h"
#include "privacy/noise.h"

namespace collegium {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Values = std::vector<float>;

class Percentile : public testing::Test {
 protected:
  void SetUp() override { load_plugin(registry, plugin("percentile")); }
  std::unique_ptr<PrivacyMechanism> make(const std::string& toml) const {
    return registry.make_mechanism("percentile", Settings::parse(toml, "f.toml"));
  }
  Values apply(const std::string& toml, Values values, std::int64_t steps,
               const Layout* layout = nullptr) const {
    const auto stream = NoiseSource::system().stream(NoisePurpose::mechanism, 1);
    make(toml)->apply(values,
                      {.run = "r", .round = 1, .site = "a", .local_steps = steps, .layout = layout},
                      *stream);
    return values;
  }
  Registry registry;
};

TEST_F(Percentile, SharesTheLargestFractionAndCutsItToGammaPerStep) {
  EXPECT_THAT(apply("share_fraction = 0.4\ngamma = 1.5", {1, -8, 2, -4, 0.5F}, 2),
              ElementsAre(0, -3, 0, -3, 0));
  EXPECT_THAT(apply("share_fraction = 0.4\ngamma = 10", {1, -8, 2, -4, 0.5F}, 2),
              ElementsAre(0, -8, 0, -4, 0));
}

TEST_F(Percentile, SharesEverythingOrNothingAtTheEnds) {
  const Values values{1, -8, 0, -4};
  EXPECT_EQ(apply("share_fraction = 1.0\ngamma = 100", values, 1), values);
  EXPECT_EQ(apply("share_fraction = 0.0\ngamma = 100", values, 1), Values(4));
}

TEST_F(Percentile, SharesAsManyAsAskedOfDistinctSizes) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  Values values(10000);
  for (float& value : values) value = normal(random);
  const Values shared = apply("share_fraction = 0.1\ngamma = 1e6", values, 5);
  float least_shared = 1e9F, largest_kept = 0;
  int count = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (shared[i] != 0) {
      EXPECT_EQ(shared[i], values[i]);
      least_shared = std::min(least_shared, std::abs(values[i]));
      ++count;
    } else {
      largest_kept = std::max(largest_kept, std::abs(values[i]));
    }
  }
  EXPECT_EQ(count, 1000);
  EXPECT_GT(least_shared, largest_kept);
}

TEST_F(Percentile, CountsOnlyValuesThatCanMove) {
  Layout layout;
  layout.add("frozen", {6}, false);
  layout.add("trained", {4}, true);
  EXPECT_THAT(
      apply("share_fraction = 0.5\ngamma = 100", {0, 0, 0, 0, 0, 0, 4, 3, 2, 1}, 1, &layout),
      ElementsAre(0, 0, 0, 0, 0, 0, 4, 3, 0, 0));
}

TEST_F(Percentile, SaysPlainlyThatItCarriesNoGuarantee) {
  const PrivacyEvent event = make("")->event({});
  EXPECT_EQ(event.kind, PrivacyEvent::Kind::unbounded);
  EXPECT_THAT(event.reason, HasSubstr("carries no guarantee"));
  EXPECT_THAT(make("")->describe(), HasSubstr("carries no guarantee"));
}

TEST_F(Percentile, RefusesSettingsOutsideTheirRange) {
  for (const char* toml : {"share_fraction = 1.1", "share_fraction = -0.1", "gamma = 0",
                           "gamma = -1.0", "gama = 1.0"}) {
    EXPECT_THROW(make(toml), ConfigError) << toml;
  }
}

}  // namespace
}  // namespace collegium
