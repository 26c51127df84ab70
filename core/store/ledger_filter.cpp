#include "store/ledger_filter.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "privacy/accountant.h"

namespace collegium {

void add_event(std::vector<PrivacyEvent>& events, const PrivacyEvent& event) {
  if (event.kind == PrivacyEvent::Kind::none) return;
  for (PrivacyEvent& known : events) {
    PrivacyEvent same = known;
    same.count = event.count;
    if (same != event) continue;
    if (event.count > std::numeric_limits<std::int64_t>::max() - known.count) continue;
    known.count += event.count;
    return;
  }
  events.push_back(event);
}

double composed_epsilon(const EpsilonOf& epsilon_of, const std::vector<PrivacyEvent>& events,
                        double delta) {
  if (events.empty()) return 0.0;
  const bool bounded = std::none_of(events.begin(), events.end(), [](const PrivacyEvent& event) {
    return event.kind == PrivacyEvent::Kind::unbounded;
  });
  const double epsilon =
      bounded ? epsilon_of(events, delta) : std::numeric_limits<double>::infinity();
  return std::isnan(epsilon) || epsilon < 0 ? std::numeric_limits<double>::infinity() : epsilon;
}

double renyi_filter(std::span<const PrivacyEvent> events, double delta) {
  return renyi_epsilon(events, delta);
}

}  // namespace collegium
