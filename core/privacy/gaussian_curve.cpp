#include <algorithm>
#include <cmath>
#include <limits>

#include "privacy/accountant.h"
#include "privacy/normal_tail.h"

namespace collegium {
namespace {

// The least delta for this epsilon, Phi(mu/2 - e/mu) - e^e Phi(-mu/2 - e/mu) (Balle and Wang 2018,
// Thm. 8), plus what rounding may have taken away: the difference cancels when delta is small
// against its terms.
double gaussian_delta(double mu, double epsilon) {
  const double log_tail = log_normal_cdf(-0.5 * mu - epsilon / mu);
  const double first = std::exp(log_normal_cdf(0.5 * mu - epsilon / mu));
  const double second = std::exp(epsilon + log_tail);
  const double ulp = std::numeric_limits<double>::epsilon();
  return first - second + ulp * (4.0 * first + (4.0 + epsilon + std::abs(log_tail)) * second);
}

}  // namespace

double gaussian_epsilon(double mu, double delta) {
  if (mu == 0.0) return 0.0;
  if (delta == 0.0 || std::isinf(mu)) return std::numeric_limits<double>::infinity();
  if (gaussian_delta(mu, 0.0) <= delta) return 0.0;
  double low = 0.0;
  // Concentrated differential privacy says that this is always enough.
  double high = 0.5 * mu * mu + mu * std::sqrt(2.0 * std::log(1.0 / delta));
  while (gaussian_delta(mu, high) > delta) {
    high *= 2.0;
    if (std::isinf(high)) return high;
  }
  for (int i = 0; i < 200 && std::nextafter(low, high) < high; ++i) {
    const double middle = 0.5 * (low + high);
    (gaussian_delta(mu, middle) <= delta ? high : low) = middle;
  }
  return high;
}

}  // namespace collegium
