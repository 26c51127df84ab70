#pragma once
#include "store/ledger_rule.h"

namespace collegium {

// Accounting that can be checked in the head: epsilons add up. One schedule fixed beforehand costs
// `tight` times its sum.
inline Accounting sums(double tight = 1.0) {
  const auto sum = [](std::span<const PrivacyEvent> events) {
    double total = 0;
    for (const PrivacyEvent& event : events)
      total += event.epsilon * static_cast<double>(event.count);
    return total;
  };
  return {
      .fixed = [=](std::span<const PrivacyEvent> events, double) { return tight * sum(events); },
      .filter = [=](std::span<const PrivacyEvent> events, double, double) { return sum(events); },
      .order = [](std::span<const PrivacyEvent>, double, std::optional<double>) { return 2.0; }};
}

inline PrivacyEvent costing(double epsilon, std::int64_t count = 1) {
  return {.kind = PrivacyEvent::Kind::pure, .count = count, .epsilon = epsilon};
}

}  // namespace collegium
