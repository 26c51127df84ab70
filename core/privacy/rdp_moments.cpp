#include "privacy/rdp_moments.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "privacy/log_space.h"
#include "privacy/normal_tail.h"

namespace collegium {
namespace {

// At a fractional order: two binomial series, split at the point where both densities of
// the mixture weigh equally (Mironov, Talwar and Zhang 2019, 3.3). The sign of C(a,i) alternates
// beyond i > a and must be kept. From there on the terms only fall, so what is cut off is at most
// the last term, which is added: the result is never too small.
double log_moment_fractional(double q, double z, double order) {
  constexpr int kMaxTerms = 1000;
  constexpr double kNegligible = -36.0;  // in nats below 1, and the sum is at least 1
  const double log_q = std::log(q), log_rest = std::log1p(-q), twice_variance = 2.0 * z * z;
  const double split = z * z * (log_rest - log_q) + 0.5;
  struct Term {
    double log_size;
    double sign;
  };
  std::vector<Term> terms;
  double log_binomial = 0.0, sign = 1.0, largest = 0.0;
  for (int i = 0;; ++i) {
    const double j = order - i;
    const double below = log_binomial + i * log_q + j * log_rest +
                         (i * (i - 1.0)) / twice_variance + log_normal_cdf((split - i) / z);
    const double above = log_binomial + j * log_q + i * log_rest +
                         (j * (j - 1.0)) / twice_variance + log_normal_cdf((j - split) / z);
    largest = std::max({largest, below, above});
    const bool last = i > order + 1.0 && (std::max(below, above) < kNegligible || i >= kMaxTerms);
    terms.push_back({below, last ? 1.0 : sign});
    terms.push_back({above, last ? 1.0 : sign});
    if (last) break;
    log_binomial += std::log(std::abs(j) / (i + 1.0));
    if (j < 0.0) sign = -sign;
  }
  double sum = 0.0;
  for (const Term& term : terms) sum += term.sign * std::exp(term.log_size - largest);
  constexpr double kRounding = 4e-15;
  return std::max(0.0, largest + std::log(sum)) + kRounding;
}

}  // namespace

double sampled_log_moment(double q, int order, const LogMoment& unsampled) {
  const double step = std::log(q) - std::log1p(-q);
  double log_weight = order * std::log1p(-q);
  double log_excess = -std::numeric_limits<double>::infinity();
  for (int k = 1; k <= order; ++k) {
    log_weight += step + std::log((order - k + 1.0) / k);
    if (k >= 2) log_excess = log_add(log_excess, log_weight + log_expm1(unsampled(k)));
  }
  return log_add(0.0, log_excess);
}

double between_integers(double order, const LogMoment& at_integer) {
  const double below = std::floor(order);
  const double share = order - below;
  const double low = below <= 1.0 ? 0.0 : at_integer(static_cast<int>(below));
  return share == 0.0 ? low : (1.0 - share) * low + share * at_integer(static_cast<int>(below) + 1);
}

double sampled_gaussian_log_moment(double q, double z, double order) {
  if (q == 0.0) return 0.0;
  const double unsampled = order * (order - 1.0) / (2.0 * z * z);  // sampling never hurts
  if (q == 1.0) return unsampled;
  const bool integer = order == std::floor(order) && order <= 1e6;
  const double sampled =
      integer ? sampled_log_moment(q, static_cast<int>(order),
                                   [z](int k) { return 0.5 * k * (k - 1.0) / (z * z); })
              : log_moment_fractional(q, z, order);
  return sampled <= unsampled ? sampled : unsampled;  // also where the series broke down to NaN
}

double laplace_log_moment(double scale, double order) {
  const double twice = 2.0 * order - 1.0;
  return log_add(std::log(order / twice) + (order - 1.0) / scale,
                 std::log((order - 1.0) / twice) - order / scale);
}

double pure_log_moment(double epsilon, double order) {
  const double log_rare = -epsilon - std::log1p(std::exp(-epsilon));
  const double log_common = -std::log1p(std::exp(-epsilon));
  const double log_moment = log_add(order * log_common + (1.0 - order) * log_rare,
                                    order * log_rare + (1.0 - order) * log_common);
  return std::min((order - 1.0) * epsilon, std::max(0.0, log_moment));
}

}  // namespace collegium
