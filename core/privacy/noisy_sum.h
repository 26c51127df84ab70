#pragma once
#include <cstdint>

#include "privacy/discrete_gaussian.h"

namespace collegium {

// Noise of a whole sum that no one has to be trusted with: each site adds a share of exact integer
// noise to its clipped update before the masks, and the shares of the honest sites alone make up
// what the accountant was told of (Kairouz, Liu and Steinke 2021, "The Distributed Discrete
// Gaussian Mechanism for Federated Learning with Secure Aggregation"). The sum is as private as the
// Gaussian mechanism with this noise multiplier: noisy_sum.cpp has the argument.
class NoisySum {
 public:
  // An update of norm at most `clip` is on a grid of 2^-scale_bits in the sum, truncated toward
  // zero; `honest` sites at least are in it. ConfigError where no exact noise fits the grid.
  static NoisySum of(double clip, double noise_multiplier, int scale_bits, std::uint32_t honest);

  // The finest grid on which exact noise is drawn at full speed: a millionth of its deviation.
  static int usual_scale_bits(double clip, double noise_multiplier);

  // What one site adds to each of its integers.
  DiscreteGaussian share() const;
  double share_variance() const;
  // That the noise of so many sites together stays below, except with a probability below 1e-22.
  double margin(std::uint32_t sites) const;

 private:
  NoisySum(std::uint64_t variance, std::uint64_t honest) : variance_(variance), honest_(honest) {}

  std::uint64_t variance_;  // of the honest sites' noise together, in steps of the grid
  std::uint64_t honest_;
};

}  // namespace collegium
