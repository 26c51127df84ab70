#pragma once
#include <cstdint>
#include <span>

#include "collegium/random.h"

namespace collegium {

// Exact integer noise (Canonne, Kamath and Steinke 2020, "The Discrete Gaussian for Differential
// Privacy", Algorithms 1 to 3). Every decision compares integers, so the distributions are the
// stated ones and no rounding has to be argued about. The time of a draw depends on its value: do
// not let anybody time single draws.

using Natural = unsigned __int128;

// True with probability exp(-numerator / denominator). denominator > 0.
bool bernoulli_exp(Natural numerator, Natural denominator, SecureRandom& random);

// P(k) = (e^(1/t) - 1) / (e^(1/t) + 1) e^(-|k|/t) over the integers. 0 < t < 2^32.
std::int64_t discrete_laplace(std::uint64_t t, SecureRandom& random);

// P(k) proportional to exp(-k^2 / (2 sigma^2)) over the integers, for a rational sigma^2, so that a
// variance can be divided among sites without rounding. About 0.3 microseconds a draw.
class DiscreteGaussian {
 public:
  // sigma^2 = numerator / denominator, both in [1, 2^50]. ConfigError otherwise.
  explicit DiscreteGaussian(std::uint64_t numerator, std::uint64_t denominator = 1);

  std::int64_t draw(SecureRandom& random) const;
  // Adds a draw to every value. The sums must fit.
  void add_to(std::span<std::int64_t> values, SecureRandom& random) const;

 private:
  std::uint64_t numerator_, denominator_;
  std::uint64_t scale_;  // of the Laplace proposals: floor(sigma) + 1
  Natural divisor_;      // of the acceptance exponent
};

}  // namespace collegium
