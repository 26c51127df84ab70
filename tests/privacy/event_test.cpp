#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "collegium/error.h"
#include "privacy/accountant.h"
#include "privacy/event_rules.h"
#include "privacy/weak_delta.h"

namespace collegium {
namespace {

using Kind = PrivacyEvent::Kind;
using Neighbours = PrivacyEvent::Neighbours;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double epsilon_of(const std::vector<PrivacyEvent>& events, double delta) {
  return epsilon(events, delta);
}

TEST(PrivacyEventRules, RefuseNumbersThatMeanNothing) {
  for (const PrivacyEvent& event : std::vector<PrivacyEvent>{
           {.kind = Kind::laplace, .noise_multiplier = -1.0},
           {.kind = Kind::laplace, .noise_multiplier = kNan},
           {.kind = Kind::laplace, .noise_multiplier = 1.0, .sampling_rate = 1.5},
           {.kind = Kind::gaussian, .noise_multiplier = 1.0, .sampling_rate = 0.5},
           {.kind = Kind::pure, .sampling_rate = 0.5, .epsilon = 1.0},
           {.kind = Kind::discrete_gaussian, .noise_multiplier = 1.0, .sensitivity = -1},
           {.kind = Kind::approximate, .epsilon = 1.0, .delta = 1.5},
           {.kind = Kind::approximate, .epsilon = 1.0, .delta = kNan},
           {.kind = Kind::approximate, .epsilon = -1.0, .delta = 0.1},
           {.kind = Kind::sampled_gaussian, .noise_multiplier = 1.0, .max_batch = -1},
           {.kind = Kind::sampled_gaussian, .noise_multiplier = 1.0, .max_batch = 8},
           {.kind = Kind::gaussian, .noise_multiplier = 1.0, .max_batch = 8, .n_public = 20},
           {.kind = Kind::laplace, .noise_multiplier = 1.0, .count = -1}})
    EXPECT_THROW(check_event(event), ConfigError) << static_cast<int>(event.kind);
}

TEST(PrivacyEventRules, HoldASampleOfFixedSizeToReplaceOneAndAPoissonSampleToAddOrRemove) {
  PrivacyEvent fixed{.kind = Kind::fixed_size_gaussian, .noise_multiplier = 2, .sampling_rate = .1};
  EXPECT_THROW(check_event(fixed), ConfigError);
  fixed.neighbours = Neighbours::replace_one;
  EXPECT_NO_THROW(check_event(fixed));
  PrivacyEvent poisson{.kind = Kind::sampled_gaussian, .noise_multiplier = 2, .sampling_rate = .1};
  EXPECT_NO_THROW(check_event(poisson));
  poisson.neighbours = Neighbours::replace_one;
  EXPECT_THROW(check_event(poisson), ConfigError);
}

TEST(PrivacyEventRules, DoNotComposeAcrossNeighbourRelations) {
  const PrivacyEvent one{.kind = Kind::gaussian, .noise_multiplier = 5};
  PrivacyEvent other = one;
  other.neighbours = Neighbours::replace_one;
  EXPECT_THROW(epsilon_of({one, other}, 1e-5), ConfigError);
  EXPECT_THROW(renyi_epsilon(std::vector{one, other}, 1e-5), ConfigError);
  EXPECT_DOUBLE_EQ(epsilon_of({other, other}, 1e-5), epsilon_of({one, one}, 1e-5));
  other.count = 0;
  EXPECT_NO_THROW(epsilon_of({one, other}, 1e-5)) << "what releases nothing has no neighbours";
}

TEST(Epsilon, OfLaplaceWithoutDeltaIsOneOverTheScaleEach) {
  EXPECT_DOUBLE_EQ(epsilon_of({{.kind = Kind::laplace, .noise_multiplier = 4.0, .count = 6}}, 0.0),
                   1.5);
  EXPECT_DOUBLE_EQ(
      epsilon_of({{.kind = Kind::discrete_laplace, .noise_multiplier = 4.0, .count = 6}}, 0.0),
      1.5);
  EXPECT_EQ(epsilon_of({{.kind = Kind::laplace, .noise_multiplier = 0.0}}, 1e-5), kInfinity);
}

TEST(Epsilon, OfAPoissonSampleUnderPureNoiseIsAmplified) {
  const PrivacyEvent sampled{.kind = Kind::laplace, .noise_multiplier = 0.5, .sampling_rate = 0.1};
  EXPECT_DOUBLE_EQ(epsilon_of({sampled}, 0.0), std::log1p(0.1 * std::expm1(2.0)));
}

TEST(Epsilon, OfApproximateEventsTakesTheirDeltasFromTheWhole) {
  const PrivacyEvent event{.kind = Kind::approximate, .count = 3, .epsilon = 0.5, .delta = 1e-6};
  EXPECT_LE(epsilon_of({event}, 1e-5), 1.5);
  EXPECT_NEAR(epsilon_of({event}, 3e-6), 1.5, 1e-6);
  EXPECT_EQ(epsilon_of({event}, 2.9e-6), kInfinity);
  EXPECT_EQ(renyi_epsilon({&event, 1}, 3e-6), kInfinity);
}

TEST(Epsilon, OfAVectorUnderDiscreteGaussianNoiseIsItsRenyiBound) {
  const PrivacyEvent discrete{.kind = Kind::discrete_gaussian, .noise_multiplier = 4, .count = 20};
  const PrivacyEvent gaussian{.kind = Kind::gaussian, .noise_multiplier = 4, .count = 20};
  EXPECT_NEAR(epsilon_of({discrete}, 1e-5), renyi_epsilon({&gaussian, 1}, 1e-5), 1e-9);
  EXPECT_EQ(epsilon_of({discrete}, 0.0), kInfinity);
}

TEST(WeakDelta, IsNamedWithItsRemedyAndNothingElseIs) {
  EXPECT_FALSE(weak_delta(1e-3, 77).has_value());
  EXPECT_FALSE(weak_delta(0.0999, 10).has_value());
  const auto wide = weak_delta(0.02, 50, "site guys");
  ASSERT_TRUE(wide.has_value());
  EXPECT_EQ(wide->where, "site guys");
  EXPECT_EQ(wide->expected, "a delta below 1 / 50");
  EXPECT_EQ(wide->found, "0.02");
  EXPECT_FALSE(wide->remedy.empty());
  const auto few = weak_delta(1e-5, 9);
  ASSERT_TRUE(few.has_value());
  EXPECT_EQ(few->found, "9");
  EXPECT_TRUE(weak_delta(1.0 / 3, 3).has_value());
}

}  // namespace
}  // namespace collegium
