#include "privacy/noisy_sum.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "collegium/error.h"

// One site moves the sum by integers of norm at most D = clip x 2^scale_bits: truncation toward
// zero makes nothing longer. With z = noise_multiplier, the exact Gaussian curve (Balle and Wang
// 2018) holds for a continuous N(x, (z D)^2), and for whatever is made of its outcome. Rounding
// that outcome at random, by a discrete Gaussian of variance 9 around it, gives the discrete
// Gaussian of variance (z D)^2 + 9 around x, up to a factor of 1 +- 2 exp(-18 pi^2) a coordinate
// (Poisson summation; Peikert 2010, "An Efficient and Parallel Gaussian Sampler for Lattices",
// Theorem 3.1). The sum of n shares of variance V is a discrete Gaussian of n V up to a log ratio
// of 10 n exp(-pi^2 V) a coordinate (Kairouz, Liu and Steinke 2021, Theorem 11). With V >= 18, a
// thousand sites and a milliard of coordinates both together are below 1e-60 in epsilon. Noise of
// the other sites, beside that of the honest ones, is added to the outcome and takes nothing away.
namespace collegium {
namespace {

constexpr double kRounding = 9;     // variance that the step from continuous to integer noise costs
constexpr double kLeastShare = 18;  // sums of narrower ones are not close to a discrete Gaussian
constexpr double kLargest = 0x1p50;      // that DiscreteGaussian takes
constexpr double kUpward = 1 + 0x1p-50;  // over the rounding of the two products

}  // namespace

NoisySum NoisySum::of(double clip, double noise_multiplier, int scale_bits, std::uint32_t honest) {
  const double deviation = std::ldexp(noise_multiplier * clip, scale_bits);
  const double variance = std::ceil(deviation * deviation * kUpward + kRounding);
  const bool is_number = noise_multiplier > 0 && clip > 0 && honest > 0;
  if (!is_number || !(variance <= kLargest) || deviation * deviation < kLeastShare * honest)
    throw ConfigError(
        {.what = "no exact noise fits the grid of the sum",
         .where = "[secure_aggregation] scale_bits",
         .expected = "noise_multiplier x clip x 2^scale_bits between sqrt(18 x the honest sites) "
                     "and 2^25",
         .found = std::to_string(deviation) + " for " + std::to_string(honest) + " honest sites",
         .remedy = "leave out scale_bits: a millionth of the noise is the usual grid"});
  return {static_cast<std::uint64_t>(variance), honest};
}

int NoisySum::usual_scale_bits(double clip, double noise_multiplier) {
  return std::clamp(20 - std::ilogb(noise_multiplier * clip) - 1, -64, 52);
}

DiscreteGaussian NoisySum::share() const { return DiscreteGaussian(variance_, honest_); }

double NoisySum::share_variance() const {
  return static_cast<double>(variance_) / static_cast<double>(honest_);
}

double NoisySum::margin(std::uint32_t sites) const {
  return 10 * std::sqrt(share_variance() * sites);
}

}  // namespace collegium
