#include "privacy/accountant.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "privacy/event_rules.h"
#include "privacy/pld/pld.h"

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

const char* name_of(Accountant accountant) {
  switch (accountant) {
    case Accountant::nothing:
      return "nothing released";
    case Accountant::exact_gaussian:
      return "exact Gaussian";
    case Accountant::privacy_loss:
      return "privacy loss distribution";
    case Accountant::renyi:
      return "Renyi divergences";
    case Accountant::plain_sum:
      return "plain sum";
    case Accountant::none:
      break;
  }
  return "no guarantee";
}

Composition compose(std::span<const PrivacyEvent> events, double delta) {
  check_delta(delta);
  check_events(events);
  PlainSum sum;
  std::vector<PrivacyEvent> released;
  for (const PrivacyEvent& event : events) {
    if (releases_nothing(event)) continue;
    if (event.kind == Kind::unbounded)
      return {kInfinity, Accountant::none, kInfinity, kInfinity, kInfinity};
    add_event(released, event);
    sum.add(event);
  }
  if (released.empty()) return {};
  Composition result{kInfinity, Accountant::none, kInfinity, kInfinity, kInfinity};
  const double left = delta - delta_set_aside(released);
  if (left >= 0.0) result.plain_sum = sum.epsilon(left);
  if (sum.exact() && left >= 0.0) {
    result.epsilon = result.plain_sum;
    if (std::isfinite(result.epsilon)) result.accountant = Accountant::exact_gaussian;
    return result;
  }
  if (delta > 0.0) {
    result.privacy_loss = pld_epsilon(released, delta);
    result.renyi = renyi_epsilon(released, delta);
  }
  for (const auto& [value, accountant] : {std::pair(result.plain_sum, Accountant::plain_sum),
                                          std::pair(result.renyi, Accountant::renyi),
                                          std::pair(result.privacy_loss, Accountant::privacy_loss)})
    if (value < result.epsilon) {
      result.epsilon = value;
      result.accountant = accountant;
    }
  return result;
}

double epsilon(std::span<const PrivacyEvent> events, double delta) {
  return compose(events, delta).epsilon;
}

}  // namespace collegium
