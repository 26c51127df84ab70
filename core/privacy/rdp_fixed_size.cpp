#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "privacy/log_space.h"
#include "privacy/rdp_moments.h"

namespace collegium {
namespace {

constexpr int kExactOrders = 256;  // beyond, the theorem's simpler terms are used

// log E[(P/Q - 1)^l] under Q = N(0, z^2), P = N(1, z^2), for an even l: the l-th forward difference
// of the moments. As an integral of a positive function it has no cancellation; the trapezoidal
// rule converges geometrically for it. In units of z, P/Q = exp(x/z - 1/(2 z^2)), and what counts
// lies between -sqrt(l) and l/z + sqrt(l).
double log_central_moment(double z, int l) {
  constexpr double kStep = 0.05, kReach = 13.0;
  const double top = l / z + std::sqrt(l) + kReach;
  double log_sum = -std::numeric_limits<double>::infinity();
  for (double x = -std::sqrt(l) - kReach; x <= top; x += kStep) {
    const double ratio = std::abs(std::expm1(x / z - 0.5 / (z * z)));
    if (ratio > 0.0) log_sum = log_add(log_sum, -0.5 * x * x + l * std::log(ratio));
  }
  return log_sum + std::log(kStep / std::sqrt(2.0 * std::numbers::pi));
}

}  // namespace

FixedSizeGaussian::FixedSizeGaussian(double q, double z) : log_q_(std::log(q)), z_(z) {}

double FixedSizeGaussian::log_moment(int order) {
  const auto moment = [this](double k) { return 0.5 * k * (k - 1.0) / (z_ * z_); };
  double log_binomial = std::log(static_cast<double>(order));
  double log_excess = -std::numeric_limits<double>::infinity();
  for (int j = 2; j <= order; ++j) {
    log_binomial += std::log((order - j + 1.0) / j);
    double term = std::log(2.0) + moment(j);
    if (j == 2) {
      term = std::min(term, std::log(4.0) + log_expm1(moment(2)));
    } else if (order <= kExactOrders && j < 50.0 * z_) {  // else P/Q - 1 is as good as P/Q
      const double below = even_central_moment(j / 2), above = even_central_moment((j + 1) / 2);
      term = std::min(term, std::log(4.0) + 0.5 * (below + above));
    }
    log_excess = log_add(log_excess, term + j * log_q_ + log_binomial);
  }
  return log_add(0.0, log_excess);
}

double FixedSizeGaussian::even_central_moment(int half) {
  while (static_cast<int>(even_.size()) < half)
    even_.push_back(log_central_moment(z_, 2 * static_cast<int>(even_.size()) + 2));
  return even_[static_cast<std::size_t>(half) - 1];
}

}  // namespace collegium
