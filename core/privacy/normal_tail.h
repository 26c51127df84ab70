#pragma once
#include <cmath>
#include <numbers>

namespace collegium {

// log P(N <= x) for a standard normal N, without underflow in the far tail (asymptotic series below
// -20).
inline double log_normal_cdf(double x) {
  if (x > -20.0) return std::log(0.5 * std::erfc(-x / std::numbers::sqrt2));
  const double inverse_square = 1.0 / (x * x);
  double term = 1.0, sum = 1.0;
  for (int k = 1; k <= 12; ++k) sum += term *= -(2 * k - 1) * inverse_square;
  return -0.5 * x * x - std::log(-x) - 0.5 * std::log(2.0 * std::numbers::pi) + std::log(sum);
}

}  // namespace collegium
