#include "privacy/accountant.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "privacy/event_rules.h"

namespace collegium {
namespace {

using Kind = PrivacyEvent::Kind;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

double renyi_epsilon(std::span<const PrivacyEvent> events, double delta) {
  const std::vector<double>& orders = default_orders();
  std::vector<double> total(orders.size(), 0.0);
  for (const PrivacyEvent& event : events) {
    const std::vector<double> curve = rdp(event, orders);
    for (std::size_t i = 0; i < total.size(); ++i) total[i] += curve[i];
  }
  return epsilon_from_rdp(orders, total, delta);
}

}  // namespace

double epsilon(std::span<const PrivacyEvent> events, double delta) {
  check_delta(delta);
  // The plain sum of the pure events, and the Gaussian ones as a single Gaussian release, which is
  // exact if none is sampled and an upper bound otherwise.
  double pure = 0.0;
  double squared_mu = 0.0;
  bool gaussian = false;
  bool sampled = false;
  std::vector<PrivacyEvent> released;
  for (const PrivacyEvent& event : events) {
    check_event(event);
    if (releases_nothing(event)) continue;
    if (event.kind == Kind::unbounded) return kInfinity;
    released.push_back(event);
    const auto times = static_cast<double>(event.count);
    if (event.kind == Kind::pure) {
      pure += times * event.epsilon;
    } else {
      gaussian = true;
      sampled = sampled || sampling_rate(event) < 1.0;
      squared_mu += times / (event.noise_multiplier * event.noise_multiplier);
    }
  }
  if (released.empty()) return 0.0;
  const double apart = gaussian ? pure + gaussian_epsilon(std::sqrt(squared_mu), delta) : pure;
  if (delta == 0.0 || (gaussian && pure == 0.0 && !sampled)) return apart;
  return std::min(apart, renyi_epsilon(released, delta));
}

double calibrate_noise(double target, double delta, double sampling_rate, std::int64_t steps) {
  if (!(target > 0.0))
    throw ConfigError({.what = "epsilon must be above 0", .found = std::to_string(target)});
  if (!(delta > 0.0 && delta < 1.0))
    throw ConfigError({.what = "delta must lie between 0 and 1", .found = std::to_string(delta)});
  PrivacyEvent event{
      .kind = Kind::sampled_gaussian, .sampling_rate = sampling_rate, .count = steps};
  check_event(event);
  if (releases_nothing(event) || std::isinf(target)) return 0.0;

  const auto enough = [&](double noise) {
    event.noise_multiplier = noise;
    return epsilon({&event, 1}, delta) <= target;
  };
  double high = 1.0;
  while (!enough(high)) high *= 2.0;
  double low = high / 2.0;
  while (enough(low)) {
    high = low;
    low /= 2.0;
  }
  while (high - low > 1e-7 * high) {
    const double middle = 0.5 * (low + high);
    (enough(middle) ? high : low) = middle;
  }
  // Six digits after the first are what a person can copy; rounding up keeps the promise.
  const double grid = std::pow(10.0, std::floor(std::log10(high)) - 6.0);
  double rounded = std::ceil(high / grid) * grid;
  while (!enough(rounded)) rounded += grid;
  return rounded;
}

}  // namespace collegium
