// Shares of exact noise that make up the noise of a whole sum.
#include "privacy/noisy_sum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "collegium/error.h"
#include "privacy/noise.h"

namespace collegium {
namespace {

// Probabilities of the integers from -kReach to kReach.
constexpr int kReach = 400;
using Mass = std::vector<double>;

Mass discrete_gaussian_mass(double variance) {
  Mass mass;
  double total = 0;
  for (int k = -kReach; k <= kReach; ++k) {
    mass.push_back(std::exp(-k * k / (2 * variance)));
    total += mass.back();
  }
  for (double& p : mass) p /= total;
  return mass;
}

Mass sum_of(const Mass& a, const Mass& b) {
  Mass sum(a.size(), 0.0);
  for (int i = -kReach; i <= kReach; ++i)
    for (int j = -kReach; j <= kReach; ++j)
      if (std::abs(i + j) <= kReach)
        sum[static_cast<std::size_t>(i + j + kReach)] +=
            a[static_cast<std::size_t>(i + kReach)] * b[static_cast<std::size_t>(j + kReach)];
  return sum;
}

// The least delta for which noise of this mass hides a shift: sum of max(0, p(k) - e^eps p(k -
// shift)).
double delta_of(const Mass& noise, int shift, double epsilon) {
  double delta = 0;
  for (int k = -kReach; k <= kReach; ++k) {
    const int moved = k - shift;
    const double there = moved < -kReach ? 0.0 : noise[static_cast<std::size_t>(moved + kReach)];
    delta += std::max(0.0, noise[static_cast<std::size_t>(k + kReach)] - std::exp(epsilon) * there);
  }
  return delta;
}

double normal_below(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }

// Balle and Wang 2018, Theorem 8, with sensitivity 1 / z.
double gaussian_delta(double z, double epsilon) {
  return normal_below(1 / (2 * z) - epsilon * z) -
         std::exp(epsilon) * normal_below(-1 / (2 * z) - epsilon * z);
}

// Computed from the probabilities themselves, on the coarsest grid that is taken.
TEST(NoisySum, HidesASiteAsTheGaussianMechanismDoes) {
  for (const double z : {1.0, 2.0, 3.5}) {
    const NoisySum noise = NoisySum::of(1.0, z, 3, 3);
    const Mass share = discrete_gaussian_mass(noise.share_variance());
    const Mass sum = sum_of(sum_of(share, share), share);
    for (int shift = 1; shift <= 8; ++shift)  // clip x 2^3
      for (const double epsilon : {0.0, 0.1, 0.5, 1.0, 2.0, 4.0})
        EXPECT_LE(delta_of(sum, shift, epsilon), gaussian_delta(z, epsilon) * (1 + 1e-9) + 1e-14)
            << "z " << z << ", shift " << shift << ", epsilon " << epsilon;
  }
}

TEST(NoisySum, OfTheHonestSitesAloneHasTheVarianceThatIsAccountedFor) {
  for (const std::uint32_t honest : {1u, 2u, 7u, 100u, 1000u})
    for (const double z : {0.3, 1.0, 12.0})
      for (const double clip : {1e-3, 0.7, 50.0}) {
        const int bits = NoisySum::usual_scale_bits(clip, z);
        const double wanted = std::pow(std::ldexp(z * clip, bits), 2);
        const double have = NoisySum::of(clip, z, bits, honest).share_variance() * honest;
        EXPECT_GE(have, wanted + 8.99);
        EXPECT_LE(have, wanted * (1 + 1e-9) + 10);
      }
}

TEST(NoisySum, IsSpreadOverTheUsualGridAMillionTimesFiner) {
  for (const double z : {1e-4, 0.3, 1.0, 12.0, 1e5})
    for (const double clip : {1e-3, 0.7, 1.0, 50.0}) {
      const double steps = std::ldexp(z * clip, NoisySum::usual_scale_bits(clip, z));
      EXPECT_GE(steps, 0x1p19);
      EXPECT_LT(steps, 0x1p20);
    }
}

// The sample variance of m sums strays from the true one by a factor of 1 +- 5.3 sqrt(2 / m) with a
// probability of 1.2e-7 (the key is fixed: a run does not depend on luck); half the noise, or each
// site with all of it, is further away by far.
TEST(NoisySum, IsWhatTheSharesThatAreDrawnAddUpTo) {
  constexpr std::uint32_t kSites = 4;
  constexpr int kDraws = 200'000;
  const NoisySum noise =
      NoisySum::of(1.0, 1.25, 4, kSites);  // 20 steps: variance 400, 9, rounded up
  const DiscreteGaussian share = noise.share();
  const auto random =
      NoiseSource::not_private_for_tests({0x50, 0x3a}).stream(NoisePurpose::mechanism, 1);
  double squares = 0, total = 0;
  for (int i = 0; i < kDraws; ++i) {
    std::int64_t sum = 0;
    for (std::uint32_t site = 0; site < kSites; ++site) sum += share.draw(*random);
    squares += static_cast<double>(sum * sum);
    total += static_cast<double>(sum);
  }
  const double band = 5.3 * std::sqrt(2.0 / kDraws);
  EXPECT_NEAR(squares / kDraws / 410.0, 1.0, band);
  EXPECT_NEAR(total / kDraws, 0.0, 5.3 * std::sqrt(410.0 / kDraws));
}

TEST(NoisySum, LeavesRoomForTenDeviationsOfAllSitesTogether) {
  const NoisySum noise = NoisySum::of(1.0, 1.25, 4, 4);
  EXPECT_DOUBLE_EQ(noise.margin(16), 10 * std::sqrt(410.0 / 4 * 16));
}

TEST(NoisySum, RefusesNoiseThatIsNoneAndGridsThatItDoesNotFit) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const double z : {0.0, -1.0, kNaN, kInfinity})
    EXPECT_THROW(NoisySum::of(1.0, z, 10, 3), ConfigError) << z;
  for (const double clip : {0.0, -1.0, kNaN, kInfinity})
    EXPECT_THROW(NoisySum::of(clip, 1.0, 10, 3), ConfigError) << clip;
  EXPECT_THROW(NoisySum::of(1.0, 1.0, 10, 0), ConfigError);
  EXPECT_THROW(NoisySum::of(1.0, 1.0, 2, 3), ConfigError);   // too coarse
  EXPECT_THROW(NoisySum::of(1.0, 1.0, 26, 3), ConfigError);  // too fine
}

}  // namespace
}  // namespace collegium
