#include "privacy/poisson_sample.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "privacy/noise.h"
#include "support/expect_problem.h"

namespace collegium {
namespace {

// Sizes are binomial(200, 0.1): mean 20, variance 18. Over 2000 draws the mean has standard
// deviation 0.095 and the variance about 0.57; bounds of 5 deviations fail by chance with
// probability below 2e-6, and the key is fixed.
TEST(PoissonSample, TakesEachSubjectIndependently) {
  const auto coins =
      NoiseSource::not_private_for_tests({1}).stream(NoisePurpose::subject_sampling, 1);
  double sum = 0, squares = 0;
  std::vector<int> taken(200);
  constexpr int kDraws = 2000;
  for (int i = 0; i < kDraws; ++i) {
    const auto sample = poisson_sample(200, 0.1, *coins);
    EXPECT_TRUE(std::is_sorted(sample.begin(), sample.end()));
    for (const auto subject : sample) ++taken[subject];
    sum += static_cast<double>(sample.size());
    squares += static_cast<double>(sample.size()) * static_cast<double>(sample.size());
  }
  const double mean = sum / kDraws;
  EXPECT_NEAR(mean, 20, 0.475);
  EXPECT_NEAR(squares / kDraws - mean * mean, 18, 2.9);
  for (const int n : taken) EXPECT_NEAR(n, 200, 6 * std::sqrt(180.0));
}

TEST(PoissonSample, AtRateOneIsEverybody) {
  const auto coins =
      NoiseSource::not_private_for_tests({1}).stream(NoisePurpose::subject_sampling, 1);
  EXPECT_EQ(poisson_sample(50, 1.0, *coins).size(), 50u);
  EXPECT_TRUE(poisson_sample(0, 1.0, *coins).empty());
}

TEST(PoissonSample, AtRateZeroIsNobody) {
  const auto coins =
      NoiseSource::not_private_for_tests({1}).stream(NoisePurpose::subject_sampling, 1);
  EXPECT_TRUE(poisson_sample(1000, 0.0, *coins).empty());
}

TEST(PoissonSample, RefusesARateThatIsNoProbability) {
  const auto coins =
      NoiseSource::not_private_for_tests({1}).stream(NoisePurpose::subject_sampling, 1);
  for (const double rate : {-0.1, 1.0001, std::numeric_limits<double>::quiet_NaN()})
    EXPECT_THROW(poisson_sample(5, rate, *coins), ConfigError);
}

}  // namespace
}  // namespace collegium
