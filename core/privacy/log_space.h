#pragma once
#include <algorithm>
#include <cmath>
#include <limits>

namespace collegium {

// log(e^a + e^b); either may be -infinity.
inline double log_add(double a, double b) {
  const double high = std::max(a, b);
  return std::isinf(high) ? high : high + std::log1p(std::exp(std::min(a, b) - high));
}

// log(e^x - 1) for x > 0.
inline double log_expm1(double x) {
  return x > 1.0 ? x + std::log1p(-std::exp(-x)) : std::log(std::expm1(x));
}

}  // namespace collegium
