#include "privacy/audit/lower_bounds.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "privacy/reference.h"

namespace collegium {
namespace {

TEST(OneRunBound, IsThatOfTheProgramPrintedWithTheTheorem) {
  for (const auto& c : reference_cases("audit_tails_reference.json", "one_run"))
    EXPECT_NEAR(one_run_lower_bound(c[0], c[1], c[2], c[3], c[4]), number(c[5]), 1e-6) << c;
}

// Randomised response with probability e^eps / (1 + e^eps) is eps-private exactly: no bound may
// exceed eps, and ten thousand answers bring it close. The chance of a false bound is 1e-9.
TEST(OneRunBound, StaysBelowTheTruthOfRandomisedResponseAndComesClose) {
  std::mt19937_64 bits(5);
  std::bernoulli_distribution coin(0.5);
  for (const double epsilon : {0.5, 1.0, 3.0}) {
    std::bernoulli_distribution honest(1 / (1 + std::exp(-epsilon)));
    std::vector<double> scores;
    std::vector<char> present;
    for (int i = 0; i < 10000; ++i) {
      present.push_back(static_cast<char>(coin(bits)));
      const bool says_present = honest(bits) == (present.back() != 0);
      scores.push_back(says_present ? 1.0 : 0.0);
    }
    const double bound = one_run_lower_bound(scores, present, 0.0, 1e-9);
    EXPECT_LE(bound, epsilon);
    EXPECT_GT(bound, 0.6 * epsilon);
  }
}

TEST(OneRunBound, IsZeroForAGuess) {
  EXPECT_EQ(one_run_lower_bound(1000, 1000, 520, 0.0, 1e-7), 0.0);
  EXPECT_EQ(one_run_lower_bound(1000, 0, 0, 1e-5, 1e-7), 0.0);
}

// Scores N(0, 1) without and N(mu, 1) with the canary are mu-Gaussian private exactly.
TEST(GaussianBound, StaysBelowTheTruthAndComesClose) {
  std::mt19937_64 bits(6);
  std::normal_distribution<double> noise;
  for (const double mu : {0.0, 0.5, 1.0, 3.0}) {
    std::vector<double> present(20000), absent(20000);
    for (double& x : present) x = noise(bits) + mu;
    for (double& x : absent) x = noise(bits);
    const double bound = gaussian_lower_bound(present, absent, 1e-9);
    EXPECT_LE(bound, mu);
    EXPECT_GT(bound, 0.7 * mu - 0.25);
  }
}

TEST(GaussianBound, OfScoresThatAreApartIsAsLargeAsTheirNumberAllows) {
  const std::vector<double> absent(2000, 0.0), present(2000, 1.0);
  const double bound = gaussian_lower_bound(present, absent, 1e-6);
  EXPECT_GT(bound, 4.0);
  EXPECT_TRUE(std::isfinite(bound));
}

}  // namespace
}  // namespace collegium
