#include "privacy/accountant.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

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

TEST(RenyiEpsilon, OfSampledTrainingIsTheSignedReference) {
  for (const auto& c : reference_cases("accountant_reference.json", "dpsgd_epsilon")) {
    const auto event = training(number(c["sigma"]), number(c["q"]), c["steps"].get<std::int64_t>());
    const double reference = number(c["expected"]["rdp_signed"]);
    EXPECT_NEAR(renyi_epsilon({&event, 1}, number(c["delta"])), reference, 1e-6 * reference) << c;
  }
}

TEST(Epsilon, IsTheLeastOfAllThatHoldAndSaysWhichItIs) {
  for (const auto& c : reference_cases("accountant_reference.json", "dpsgd_epsilon")) {
    const auto event = training(number(c["sigma"]), number(c["q"]), c["steps"].get<std::int64_t>());
    const Composition all = compose({&event, 1}, number(c["delta"]));
    EXPECT_EQ(all.epsilon, std::min({all.privacy_loss, all.renyi, all.plain_sum}));
    EXPECT_EQ(all.accountant,
              event.sampling_rate == 1.0 ? Accountant::exact_gaussian : Accountant::privacy_loss)
        << c;
    const double pld = number(c["expected"]["pld"]);
    EXPECT_LE(all.epsilon, pld + std::max(2e-4 * pld, 2e-6)) << c;
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

TEST(Epsilon, OfShuffledEpochsIsThatOfOneGaussianAnEpoch) {
  for (const auto& c : reference_cases("accountant_components.json", "shuffle_or_fixed_order"))
    EXPECT_NEAR(epsilon_of({gaussian(number(c["sigma"]), c["epochs"].get<std::int64_t>())},
                           number(c["delta"])),
                number(c["epsilon"]), 1e-9)
        << c;
}

TEST(Epsilon, FollowsThePolicyAtEveryEdge) {
  const auto at = [](const nlohmann::json& c) {
    return epsilon_of(
        {training(number(c["sigma"]), number(c["q"]), c["steps"].get<std::int64_t>())},
        number(c["delta"]));
  };
  std::size_t judged = 0;
  for (const auto& c : reference_cases("accountant_components.json", "edge_cases")) {
    const auto id = c["id"].get<std::string>(), required = c["required"].get<std::string>();
    ++judged;
    if (required.starts_with("refuse"))
      EXPECT_THROW(at(c), ConfigError) << id;
    else if (required.starts_with("epsilon = 0"))
      EXPECT_EQ(at(c), 0.0) << id;
    else if (required.starts_with("epsilon = inf"))
      EXPECT_EQ(at(c), kInfinity) << id;
    else if (id == "q1")
      EXPECT_NEAR(at(c), 13.206712240451987, 1e-9);
    else if (id == "sigma_huge")
      EXPECT_LE(at(c), 1e-3);
    else if (id == "sigma_0.1")
      EXPECT_TRUE(at(c) >= 84.03876871419664 && at(c) <= 1.001 * 84.03876871419664);
    else if (id == "sigma_0.03")
      EXPECT_TRUE(at(c) >= 676.2723678062982 && at(c) <= 1.001 * 676.2723678062982);
    else if (id == "tiny_delta")
      EXPECT_TRUE(at(c) >= epsilon_of({training(1.0, 0.01, 1000)}, 1e-12) &&
                  at(c) <= number(c["libraries"]["rdp"]));
    else if (id == "one_over_n_delta")
      EXPECT_LE(at(c), number(c["libraries"]["pld"]) + 2e-6);
    else if (id == "many_steps")
      EXPECT_LE(at(c), number(c["libraries"]["rdp"]));
    else
      --judged;
  }
  EXPECT_EQ(judged, reference_cases("accountant_components.json", "edge_cases").size());
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
  EXPECT_TRUE(std::isfinite(epsilon_of({training(2.0, 1e-5, 100000000)}, 1e-6)));
}

}  // namespace
}  // namespace collegium
