#include "privacy/calibration.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "collegium/error.h"
#include "privacy/accountant.h"
#include "privacy/reference.h"

namespace collegium {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double epsilon_of(double noise, double rate, std::int64_t steps, double delta) {
  const PrivacyEvent event{.kind = PrivacyEvent::Kind::sampled_gaussian,
                           .noise_multiplier = noise,
                           .sampling_rate = rate,
                           .count = steps};
  return epsilon({&event, 1}, delta);
}

TEST(NoiseCalibration, MeetsTheTargetAndIsAsSmallAsTheReference) {
  for (const auto& c : reference_cases("accountant_reference.json", "calibration")) {
    const double target = number(c["target_epsilon"]), delta = number(c["delta"]),
                 rate = number(c["q"]);
    const auto steps = c["steps"].get<std::int64_t>();
    const auto& expected = c["expected_sigma"];
    const bool exact = expected.contains("exact");
    const double noise = calibrate_noise(target, delta, rate, steps);
    EXPECT_LE(epsilon_of(noise, rate, steps, delta), target) << c;
    EXPECT_LE(noise, number(expected[exact ? "exact" : "pld"]) * (1 + (exact ? 3e-5 : 2e-4))) << c;
    EXPECT_GT(epsilon_of(noise * (1 - 2e-4), rate, steps, delta), target) << c;
  }
}

TEST(NoiseCalibration, IsNothingWhereNothingIsReleasedAndWhereEverythingIsAllowed) {
  EXPECT_EQ(calibrate_noise(1.0, 1e-5, 0.0, 100), 0.0);
  EXPECT_EQ(calibrate_noise(1.0, 1e-5, 0.1, 0), 0.0);
  EXPECT_EQ(calibrate_noise(kInfinity, 1e-5, 0.1, 10), 0.0);
}

TEST(NoiseCalibration, ReachesEveryTarget) {
  for (const double target : {1e-6, 1e-3, 50.0, 1e4}) {
    const double noise = calibrate_noise(target, 1e-5, 0.1, 100);
    EXPECT_LE(epsilon_of(noise, 0.1, 100, 1e-5), target);
    EXPECT_GT(epsilon_of(noise * 0.99, 0.1, 100, 1e-5), target);
  }
}

TEST(StepCalibration, FindsTheMostStepsThatStayWithinTheTarget) {
  for (const double target : {0.5, 3.0, 8.0})
    for (const double noise : {1.0, 4.0}) {
      const std::int64_t steps = calibrate_steps(target, 1e-5, 0.02, noise);
      EXPECT_LE(epsilon_of(noise, 0.02, steps, 1e-5), target);
      EXPECT_GT(epsilon_of(noise, 0.02, steps + 1 + steps / 1000, 1e-5), target);
    }
}

// One Gaussian release an epoch: mu = sqrt(steps) / z, so that steps follow from mu.
TEST(StepCalibration, OfUnsampledReleasesInvertsTheClosedForm) {
  const double noise = 25.0, target = gaussian_epsilon(std::sqrt(123.5) / noise, 1e-6);
  EXPECT_EQ(calibrate_steps(target, 1e-6, 1.0, noise), 123);
}

TEST(StepCalibration, RefusesATargetThatOneStepExceedsAndStepsThatAreFree) {
  EXPECT_THROW(calibrate_steps(0.1, 1e-5, 0.5, 0.5), ConfigError);
  EXPECT_THROW(calibrate_steps(1.0, 1e-5, 0.1, 0.0), ConfigError);
  EXPECT_THROW(calibrate_steps(1.0, 1e-5, 0.0, 1.0), ConfigError);
  EXPECT_THROW(calibrate_steps(1.0, 1e-5, 0.1, kInfinity), ConfigError);
}

TEST(Calibration, RefusesATargetThatIsNoTarget) {
  for (const double target : {0.0, -1.0, kNan}) {
    EXPECT_THROW(calibrate_noise(target, 1e-5, 0.1, 10), ConfigError);
    EXPECT_THROW(calibrate_steps(target, 1e-5, 0.1, 10), ConfigError);
  }
  for (const double delta : {0.0, 1.0, kNan}) {
    EXPECT_THROW(calibrate_noise(1.0, delta, 0.1, 10), ConfigError);
    EXPECT_THROW(calibrate_steps(1.0, delta, 0.1, 10), ConfigError);
  }
  EXPECT_THROW(calibrate_noise(1.0, 1e-5, 2.0, 10), ConfigError);
  EXPECT_THROW(calibrate_steps(1.0, 1e-5, 0.1, kNan), ConfigError);
}

}  // namespace
}  // namespace collegium
