#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "privacy/accountant.h"
#include "privacy/event_rules.h"
#include "privacy/normal_tail.h"

namespace collegium {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double log_add(double a, double b) {
  const double high = std::max(a, b);
  return high == -kInfinity ? high : high + std::log1p(std::exp(std::min(a, b) - high));
}

double log_expm1(double x) {
  return x > 1.0 ? x + std::log1p(-std::exp(-x)) : std::log(std::expm1(x));
}

// log E[(p/q)^a] at an integer order: the sum over k of C(a,k) (1-q)^(a-k) q^k exp(k(k-1)/2z^2)
// (Mironov, Talwar and Zhang 2019, 3.3). The binomial weights sum to 1, so the excess over 1 is
// summed instead and keeps its digits.
double log_moment_integer(double q, double z, int order) {
  const double step = std::log(q) - std::log1p(-q);
  double log_weight = order * std::log1p(-q);
  double log_excess = -kInfinity;
  for (int k = 1; k <= order; ++k) {
    log_weight += step + std::log((order - k + 1.0) / k);
    if (k >= 2)
      log_excess = log_add(log_excess, log_weight + log_expm1(0.5 * k * (k - 1.0) / (z * z)));
  }
  return log_add(0.0, log_excess);
}

// The same at a fractional order: two binomial series, split at the point where both densities of
// the mixture weigh equally (same paper, 3.3). The sign of C(a,i) alternates beyond i > a and must
// be kept. From there on the terms only fall, so what is cut off is at most the last term, which is
// added: the result is never too small.
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

double rdp_sampled_gaussian(double q, double z, double order) {
  const double unsampled = order / (2.0 * z * z);  // sampling never hurts
  if (q == 1.0) return unsampled;
  const bool integer = order == std::floor(order) && order <= 1e6;
  const double log_moment = integer ? log_moment_integer(q, z, static_cast<int>(order))
                                    : log_moment_fractional(q, z, order);
  const double sampled = log_moment / (order - 1.0);
  return sampled <= unsampled ? sampled : unsampled;  // also where the series broke down to NaN
}

// Randomised response is the worst pure mechanism (Kairouz, Oh and Viswanath 2015): its divergence,
// in log space.
double rdp_pure(double epsilon, double order) {
  const double log_rare = -epsilon - std::log1p(std::exp(-epsilon));
  const double log_common = -std::log1p(std::exp(-epsilon));
  const double log_moment = log_add(order * log_common + (1.0 - order) * log_rare,
                                    order * log_rare + (1.0 - order) * log_common);
  return std::min(epsilon, std::max(0.0, log_moment) / (order - 1.0));
}

}  // namespace

std::vector<double> rdp(const PrivacyEvent& event, std::span<const double> orders) {
  check_event(event);
  std::vector<double> curve(orders.size(), 0.0);
  if (releases_nothing(event)) return curve;
  const auto times =
      static_cast<double>(event.kind == PrivacyEvent::Kind::unbounded ? 1 : event.count);
  for (std::size_t i = 0; i < orders.size(); ++i) {
    const double order = orders[i];
    if (!(order > 1.0))
      throw ConfigError({.what = "a Renyi order must be above 1", .found = std::to_string(order)});
    double once = kInfinity;
    if (event.kind == PrivacyEvent::Kind::pure) {
      if (std::isfinite(event.epsilon)) once = rdp_pure(event.epsilon, order);
    } else if (event.kind != PrivacyEvent::Kind::unbounded && event.noise_multiplier > 0.0) {
      once = rdp_sampled_gaussian(sampling_rate(event), event.noise_multiplier, order);
    }
    curve[i] = times * once;
  }
  return curve;
}

const std::vector<double>& default_orders() {
  static const std::vector<double> orders = [] {
    std::vector<double> list;
    for (int tenth = 1; tenth < 100; ++tenth) list.push_back(1.0 + tenth / 10.0);
    for (int order = 11; order < 64; ++order) list.push_back(order);
    list.insert(list.end(), {128.0, 256.0, 512.0, 1024.0});
    return list;
  }();
  return orders;
}

double epsilon_from_rdp(std::span<const double> orders, std::span<const double> rdp, double delta) {
  check_delta(delta);
  double best = kInfinity;
  for (std::size_t i = 0; i < orders.size(); ++i) {
    const double order = orders[i], divergence = rdp[i];
    // Near order 1 the conversion loses all its digits.
    if (order < 1.01 || !std::isfinite(divergence)) continue;
    // The total variation alone is below delta.
    if (delta * delta + std::expm1(-divergence) > 0.0) return 0.0;
    if (delta == 0.0) continue;
    best = std::min(
        best, divergence + std::log1p(-1.0 / order) - std::log(delta * order) / (order - 1.0));
  }
  return std::max(0.0, best);
}

}  // namespace collegium
