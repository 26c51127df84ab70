#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "privacy/accountant.h"
#include "privacy/capped_batch.h"
#include "privacy/event_rules.h"
#include "privacy/log_space.h"
#include "privacy/rdp_moments.h"

namespace collegium {
namespace {

using Kind = PrivacyEvent::Kind;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

using Moments = std::function<double(double order)>;

Moments gaussian(const PrivacyEvent& event) {
  const double q = event.kind == Kind::gaussian ? 1.0 : event.sampling_rate;
  const double z = event.noise_multiplier;
  CappedBatch batch;
  if (event.max_batch > 0) batch = CappedBatch::of(q, event.max_batch, event.n_public);
  return [=](double order) {
    const double uncut = sampled_gaussian_log_moment(q, z, order);
    if (batch.overfull == 0.0) return uncut;
    const double cut = sampled_gaussian_log_moment(batch.rate_when_overfull, z / 2.0, order);
    return log_add(std::log1p(-batch.overfull) + uncut, std::log(batch.overfull) + cut);
  };
}

// Symmetric noise on a Poisson sample, of which the moments without sampling are known.
Moments sampled(double q, Moments unsampled) {
  if (q == 1.0) return unsampled;
  return [=](double order) {
    const auto at_integer = [&](int k) { return sampled_log_moment(q, k, unsampled); };
    return std::min(unsampled(order), between_integers(order, at_integer));
  };
}

Moments fixed_size(const PrivacyEvent& event) {
  const double z = event.noise_multiplier;
  const auto unsampled = [z](double order) { return order * (order - 1.0) / (2.0 * z * z); };
  if (event.sampling_rate == 1.0) return unsampled;
  return [=, sample = FixedSizeGaussian(event.sampling_rate, z)](double order) mutable {
    const auto at_integer = [&](int k) { return sample.log_moment(k); };
    return std::min(unsampled(order), between_integers(order, at_integer));
  };
}

// Of one release that has any.
Moments moments_of(const PrivacyEvent& event) {
  const double z = event.noise_multiplier;
  switch (event.kind) {
    case Kind::fixed_size_gaussian:
      return fixed_size(event);
    case Kind::laplace:
      return sampled(event.sampling_rate, [z](double a) { return laplace_log_moment(z, a); });
    // Canonne, Kamath and Steinke 2020, Thm. 4: at most the Gaussian's, in every dimension.
    case Kind::discrete_gaussian:
      return sampled(event.sampling_rate, [z](double a) { return a * (a - 1.0) / (2.0 * z * z); });
    case Kind::discrete_laplace:
      return sampled(event.sampling_rate, [z](double a) { return pure_log_moment(1.0 / z, a); });
    case Kind::pure:
    case Kind::approximate:
      return [epsilon = event.epsilon](double a) { return pure_log_moment(epsilon, a); };
    default:
      return gaussian(event);
  }
}

bool has_moments(const PrivacyEvent& event) {
  if (event.kind == Kind::unbounded) return false;
  return has_noise(event.kind) ? event.noise_multiplier > 0.0 : std::isfinite(event.epsilon);
}

}  // namespace

std::vector<double> rdp(const PrivacyEvent& event, std::span<const double> orders) {
  check_event(event);
  std::vector<double> curve(orders.size(), 0.0);
  if (releases_nothing(event)) return curve;
  const auto times = static_cast<double>(event.kind == Kind::unbounded ? 1 : event.count);
  const Moments moments = has_moments(event) ? moments_of(event) : [](double) { return kInfinity; };
  for (std::size_t i = 0; i < orders.size(); ++i) {
    const double order = orders[i];
    if (!(order > 1.0))
      throw ConfigError({.what = "a Renyi order must be above 1", .found = std::to_string(order)});
    const double once = moments(order) / (order - 1.0);
    curve[i] = times * (std::isnan(once) ? kInfinity : once);
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
