#include "privacy/filter.h"

#include <cmath>
#include <limits>

#include "privacy/accountant.h"
#include "privacy/event_rules.h"

namespace collegium {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double divergence(std::span<const PrivacyEvent> events, double order) {
  double sum = 0;
  for (const PrivacyEvent& event : events) sum += rdp(event, {&order, 1})[0];
  return sum;
}

// The divergence at this order whose conversion is just `budget`: Canonne, Kamath and Steinke 2020,
// Prop. 12, solved for it.
double allowed(double order, double delta, double budget) {
  return budget - std::log1p(-1.0 / order) + std::log(delta * order) / (order - 1.0);
}

}  // namespace

double filter_epsilon(std::span<const PrivacyEvent> events, double order, double delta) {
  check_delta(delta);
  check_events(events);
  const double aside = delta_set_aside(events);
  if (aside > 0.0 && aside >= delta) return kInfinity;
  const double sum = divergence(events, order);
  return epsilon_from_rdp({&order, 1}, {&sum, 1}, delta - aside);
}

double filter_order(std::span<const PrivacyEvent> events, double delta,
                    std::optional<double> budget) {
  double best = 2.0, most = 0.0, least = kInfinity;
  for (const double order : default_orders()) {
    const double once = divergence(events, order);
    if (!std::isfinite(once)) continue;
    if (budget) {
      const double repetitions = allowed(order, delta, *budget) / once;
      if (repetitions > most) {
        most = repetitions;
        best = order;
      }
    }
    if (const double epsilon = filter_epsilon(events, order, delta);
        most == 0.0 && epsilon < least) {
      least = epsilon;
      best = order;
    }
  }
  return best;
}

}  // namespace collegium
