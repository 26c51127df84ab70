#include "privacy/accountant.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "collegium/error.h"
#include "privacy/reference.h"

namespace collegium {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

PrivacyEvent training(double noise, double rate, std::int64_t steps) {
  return {.kind = PrivacyEvent::Kind::sampled_gaussian,
          .noise_multiplier = noise,
          .sampling_rate = rate,
          .count = steps};
}
PrivacyEvent gaussian(double noise, std::int64_t count = 1) {
  return {.kind = PrivacyEvent::Kind::gaussian, .noise_multiplier = noise, .count = count};
}
PrivacyEvent pure(double epsilon, std::int64_t count = 1) {
  return {.kind = PrivacyEvent::Kind::pure, .count = count, .epsilon = epsilon};
}
double epsilon_of(const std::vector<PrivacyEvent>& events, double delta) {
  return epsilon(events, delta);
}

TEST(Epsilon, OfSampledTrainingIsTheSignedRenyiValueOrLess) {
  for (const auto& c : reference_cases("accountant_reference.json", "dpsgd_epsilon")) {
    const auto event = training(number(c["sigma"]), number(c["q"]), c["steps"].get<std::int64_t>());
    const double ours = epsilon({&event, 1}, number(c["delta"]));
    const double reference = number(c["expected"]["rdp_signed"]);
    EXPECT_LE(ours, reference * (1 + 1e-6)) << c;
    if (event.sampling_rate < 1.0) {
      EXPECT_GE(ours, reference * (1 - 1e-6)) << c;
    }
  }
}

TEST(Epsilon, IsNeverBelowACertifiedLowerBound) {
  for (const auto& c : reference_cases("accountant_reference.json", "dpsgd_epsilon")) {
    const auto event = training(number(c["sigma"]), number(c["q"]), c["steps"].get<std::int64_t>());
    const double ours = epsilon({&event, 1}, number(c["delta"]));
    const auto& expected = c["expected"];
    if (expected.contains("prv") && expected["prv"].is_array()) {
      EXPECT_GE(ours, number(expected["prv"][0])) << c;
    }
    if (expected.contains("exact")) {
      EXPECT_GE(ours, number(expected["exact"]) - 1e-9) << c;
    }
  }
}

TEST(Epsilon, OfOneSampledStepIsNeverBelowTheClosedForm) {
  for (const auto& c :
       reference_cases("accountant_components.json", "subsampled_gaussian_one_step_exact"))
    EXPECT_GE(epsilon_of({training(number(c["sigma"]), number(c["q"]), 1)}, number(c["delta"])),
              number(c["epsilon"]) - 1e-12)
        << c;
}

TEST(Epsilon, OfUnsampledGaussiansIsExact) {
  for (const auto& c : reference_cases("accountant_components.json", "gaussian_exact")) {
    const double mu = number(c["mu"]), exact = number(c["epsilon"]);
    const double ours =
        epsilon_of({gaussian(2.0 / mu, 3), training(2.0 / mu, 1.0, 1)}, number(c["delta"]));
    EXPECT_NEAR(ours, exact, 1e-9 * (1 + exact)) << c;
    EXPECT_GE(ours, exact - 1e-12 * (1 + exact)) << c;
  }
}

TEST(Epsilon, OfPureEventsIsTheirSumWhenDeltaIsZero) {
  EXPECT_DOUBLE_EQ(epsilon_of({pure(0.5, 4), pure(1.0)}, 0.0), 3.0);
}

TEST(Epsilon, OfManySmallPureEventsIsBelowTheirSumButAboveTheCompositionOptimum) {
  // 1000 randomised responses at 1/30: the optimal composition at 1e-5 is that of the binomial
  // privacy loss.
  const double each = 1.0 / 30.0, delta = 1e-5, p = std::exp(each) / (1 + std::exp(each));
  const double ours = epsilon_of({pure(each, 1000)}, delta);
  EXPECT_LT(ours, 0.2 * 1000 * each);
  double left = 0.0;  // delta of the composition at epsilon = ours: must not exceed delta
  for (int k = 0; k <= 1000; ++k) {
    const double loss = (2 * k - 1000) * each;
    if (loss <= ours) continue;
    const double log_mass = std::lgamma(1001) - std::lgamma(k + 1) - std::lgamma(1001 - k) +
                            k * std::log(p) + (1000 - k) * std::log1p(-p);
    left += std::exp(log_mass) * -std::expm1(ours - loss);
  }
  EXPECT_LE(left, delta);
}

TEST(Epsilon, OfAMixtureIsAtMostTheSumOfItsParts) {
  const double parts = epsilon_of({gaussian(5.0)}, 1e-5) + 0.01;
  EXPECT_LE(epsilon_of({gaussian(5.0), pure(0.01)}, 1e-5), parts + 1e-12);
}

TEST(Epsilon, GrowsWithEveryEvent) {
  std::vector<PrivacyEvent> events{training(2.0, 0.1, 50)};
  double last = epsilon(events, 1e-4);
  for (const auto& more : {training(2.0, 0.1, 1), gaussian(20.0), pure(0.01)}) {
    events.push_back(more);
    const double next = epsilon(events, 1e-4);
    EXPECT_GT(next, last);
    last = next;
  }
}

TEST(Epsilon, IsZeroWhenNothingIsReleased) {
  EXPECT_EQ(epsilon({}, 1e-5), 0.0);
  EXPECT_EQ(epsilon_of({{.kind = PrivacyEvent::Kind::none}}, 0.0), 0.0);
  EXPECT_EQ(epsilon_of({training(1.0, 0.0, 1000)}, 1e-5), 0.0);
  EXPECT_EQ(epsilon_of({training(1.0, 0.1, 0)}, 0.0), 0.0);
  EXPECT_EQ(epsilon_of({training(0.0, 0.0, 10)}, 1e-5), 0.0);
  EXPECT_EQ(epsilon_of({training(kInfinity, 0.1, 10)}, 1e-5), 0.0);
}

TEST(Epsilon, IsInfiniteWhenNothingCanBePromised) {
  EXPECT_EQ(epsilon_of({training(0.0, 0.1, 1)}, 1e-5), kInfinity);
  EXPECT_EQ(epsilon_of({training(1.0, 0.1, 10)}, 0.0), kInfinity);
  EXPECT_EQ(epsilon_of({pure(0.1), {.kind = PrivacyEvent::Kind::unbounded, .reason = "percentile"}},
                       1e-5),
            kInfinity);
  EXPECT_EQ(epsilon_of({pure(kInfinity)}, 1e-5), kInfinity);
}

TEST(Epsilon, RefusesWhatIsNotAProbabilityOrNotANumber) {
  for (const double delta : {1.0, 1.5, -1e-5, kNan})
    EXPECT_THROW(epsilon_of({gaussian(1.0)}, delta), ConfigError) << delta;
  for (const double rate : {1.5, -0.1, kNan})
    EXPECT_THROW(epsilon_of({training(1.0, rate, 10)}, 1e-5), ConfigError) << rate;
  for (const double noise : {-1.0, kNan})
    EXPECT_THROW(epsilon_of({training(noise, 0.1, 10)}, 1e-5), ConfigError) << noise;
  EXPECT_THROW(epsilon_of({training(1.0, 0.1, -1)}, 1e-5), ConfigError);
  for (const double value : {-0.1, kNan})
    EXPECT_THROW(epsilon_of({pure(value)}, 1e-5), ConfigError) << value;
}

TEST(Epsilon, StaysTrueAtTheEndsOfItsRange) {
  EXPECT_NEAR(epsilon_of({training(4.0, 1.0, 100)}, 1e-5), 13.206712240451987, 1e-9);
  EXPECT_LE(epsilon_of({training(1e6, 0.5, 1000)}, 1e-5), 1e-3);
  EXPECT_GE(epsilon_of({training(0.1, 0.1, 1)}, 1e-5), 84.03876871419664);
  EXPECT_GE(epsilon_of({training(0.03, 0.1, 1)}, 1e-5), 676.2723678062982);
  EXPECT_GE(epsilon_of({training(1.0, 0.01, 1000)}, 1e-14),
            epsilon_of({training(1.0, 0.01, 1000)}, 1e-12));
  const double long_run = epsilon_of({training(2.0, 1e-4, 1000000)}, 1e-6);
  EXPECT_NEAR(long_run, 0.2296438533581275,
              0.01);  // dp-accounting's unsigned series, safe but a little loose
  EXPECT_TRUE(std::isfinite(epsilon_of({training(2.0, 1e-5, 100000000)}, 1e-6)));
}

TEST(Calibration, MeetsTheTargetAndIsAsSmallAsTheReference) {
  for (const auto& c : reference_cases("accountant_reference.json", "calibration")) {
    const double target = number(c["target_epsilon"]), delta = number(c["delta"]),
                 rate = number(c["q"]);
    const auto steps = c["steps"].get<std::int64_t>();
    const double noise = calibrate_noise(target, delta, rate, steps);
    EXPECT_LE(epsilon_of({training(noise, rate, steps)}, delta), target) << c;
    const auto& expected = c["expected_sigma"];
    EXPECT_LE(noise, number(expected[expected.contains("exact") ? "exact" : "rdp"]) * (1 + 1e-5))
        << c;
    EXPECT_GT(epsilon_of({training(noise * (1 - 1e-5), rate, steps)}, delta), target) << c;
  }
}

TEST(Calibration, OfNothingIsNoNoise) {
  EXPECT_EQ(calibrate_noise(1.0, 1e-5, 0.0, 100), 0.0);
  EXPECT_EQ(calibrate_noise(1.0, 1e-5, 0.1, 0), 0.0);
}

TEST(Calibration, RefusesATargetThatIsNoTarget) {
  for (const double target : {0.0, -1.0, kNan})
    EXPECT_THROW(calibrate_noise(target, 1e-5, 0.1, 10), ConfigError);
  for (const double delta : {0.0, 1.0, kNan})
    EXPECT_THROW(calibrate_noise(1.0, delta, 0.1, 10), ConfigError);
  EXPECT_THROW(calibrate_noise(1.0, 1e-5, 2.0, 10), ConfigError);
}

}  // namespace
}  // namespace collegium
