#include "privacy/accountant.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "privacy/event_rules.h"

namespace collegium {
namespace {

using Kind = PrivacyEvent::Kind;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The plain sum of what is pure at heart, and the Gaussian rest as a single Gaussian release: exact
// if none of it is sampled, an upper bound otherwise. A discrete Gaussian is no Gaussian.
class PlainSum {
 public:
  void add(const PrivacyEvent& event) {
    const auto times = static_cast<double>(event.count);
    const double z = event.noise_multiplier;
    switch (event.kind) {
      case Kind::pure:
      case Kind::approximate:
        pure_ += times * event.epsilon;
        break;
      case Kind::laplace:
      case Kind::discrete_laplace:
        pure_ += times * sampled_pure(1.0 / z, event.sampling_rate);
        break;
      case Kind::gaussian:
      case Kind::sampled_gaussian:
      case Kind::fixed_size_gaussian: {
        gaussian_ = true;
        exact_ = exact_ && event.sampling_rate == 1.0 && event.max_batch == 0;
        const double mu =
            (event.max_batch > 0 ? 2.0 : 1.0) / z;  // a cut batch: one comes, one goes
        squared_mu_ += times * mu * mu;
        break;
      }
      default:
        pure_ = kInfinity;
    }
  }

  double epsilon(double delta) const {
    return gaussian_ ? pure_ + gaussian_epsilon(std::sqrt(squared_mu_), delta) : pure_;
  }
  bool exact() const { return gaussian_ && exact_ && pure_ == 0.0; }

 private:
  // A Poisson sample of a pure mechanism (Balle, Barthe and Gaboardi 2018, Thm. 8).
  static double sampled_pure(double epsilon, double rate) {
    return rate == 1.0 || epsilon > 700.0 ? epsilon : std::log1p(rate * std::expm1(epsilon));
  }

  double pure_ = 0.0, squared_mu_ = 0.0;
  bool gaussian_ = false, exact_ = true;
};

}  // namespace

double renyi_epsilon(std::span<const PrivacyEvent> events, double delta) {
  check_delta(delta);
  check_events(events);
  const double aside = delta_set_aside(events);
  if (aside > 0.0 && aside >= delta) return kInfinity;
  const std::vector<double>& orders = default_orders();
  std::vector<double> total(orders.size(), 0.0);
  for (const PrivacyEvent& event : events) {
    const std::vector<double> curve = rdp(event, orders);
    for (std::size_t i = 0; i < total.size(); ++i) total[i] += curve[i];
  }
  return epsilon_from_rdp(orders, total, delta - aside);
}

double epsilon(std::span<const PrivacyEvent> events, double delta) {
  check_delta(delta);
  check_events(events);
  PlainSum sum;
  std::vector<PrivacyEvent> released;
  for (const PrivacyEvent& event : events) {
    if (releases_nothing(event)) continue;
    if (event.kind == Kind::unbounded) return kInfinity;
    released.push_back(event);
    sum.add(event);
  }
  if (released.empty()) return 0.0;
  const double left = delta - delta_set_aside(released);
  if (left < 0.0) return kInfinity;
  const double apart = sum.epsilon(left);
  if (left == 0.0 || sum.exact()) return apart;
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
