#include "store/ledger_rule.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "privacy/event_rules.h"
#include "store/event_json.h"

namespace collegium {
namespace {

using Kind = PrivacyEvent::Kind;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Equal for equal mechanisms, however often they are used.
std::string mechanism_of(PrivacyEvent event) {
  event.count = 1;
  return event_to_json(event);
}

// A number that can be compared with a budget: what an accountant cannot say is no guarantee.
double guarded(double epsilon) { return std::isnan(epsilon) || epsilon < 0 ? kInfinity : epsilon; }

bool has_bound(const PrivacyEvent& event) { return event.kind != Kind::unbounded; }

bool fits(const Accounting& accounting, const Spending& before,
          std::span<const PrivacyEvent> events, double delta, double budget) {
  Spending after = before;
  after.add(events, true, accounting.order(events, delta, budget));
  return spent_epsilon(accounting, after, delta) <= budget;
}

}  // namespace

bool costs(std::span<const PrivacyEvent> events) {
  return std::any_of(events.begin(), events.end(),
                     [](const PrivacyEvent& event) { return event.kind != Kind::none; });
}

bool covers(std::span<const PrivacyEvent> schedule, std::span<const PrivacyEvent> drawn) {
  std::vector<PrivacyEvent> total;
  for (const PrivacyEvent& event : drawn) add_event(total, event);
  return std::all_of(total.begin(), total.end(), [&](const PrivacyEvent& event) {
    return std::any_of(schedule.begin(), schedule.end(), [&](const PrivacyEvent& planned) {
      if (planned.kind != event.kind) return false;
      if (!has_bound(event)) return true;  // without any bound, more of it changes nothing
      return event.count <= planned.count && mechanism_of(planned) == mechanism_of(event);
    });
  });
}

void Spending::add(std::span<const PrivacyEvent> cost, bool is_schedule, double filter_order) {
  if (!costs(cost)) return;
  if (entries == 0) order = filter_order;
  only_schedule = entries == 0 && is_schedule;
  ++entries;
  for (const PrivacyEvent& event : cost) add_event(events, event);
}

double spent_epsilon(const Accounting& accounting, const Spending& spending, double delta) {
  if (spending.entries == 0) return 0.0;
  if (!std::all_of(spending.events.begin(), spending.events.end(), has_bound)) return kInfinity;
  const double filtered = guarded(accounting.filter(spending.events, spending.order, delta));
  if (!spending.only_schedule) return filtered;
  return std::min(filtered, guarded(accounting.fixed(spending.events, delta)));
}

std::vector<PrivacyEvent> part_of(std::span<const PrivacyEvent> events, std::int64_t rounds,
                                  std::int64_t of) {
  std::vector<PrivacyEvent> part;
  for (PrivacyEvent event : events) {
    const auto share = static_cast<long double>(event.count) * static_cast<long double>(rounds) /
                       static_cast<long double>(of);
    event.count = static_cast<std::int64_t>(std::ceil(share));
    if (event.count > 0 || event.kind == Kind::unbounded) part.push_back(event);
  }
  return part;
}

std::int64_t rounds_that_fit(const Accounting& accounting, const Spending& before,
                             std::span<const PrivacyEvent> events, std::int64_t of,
                             std::int64_t limit, double delta, double budget) {
  std::int64_t enough = 0, too_many = limit + 1;
  while (too_many - enough > 1) {
    const std::int64_t rounds = enough + (too_many - enough) / 2;
    if (fits(accounting, before, part_of(events, rounds, of), delta, budget))
      enough = rounds;
    else
      too_many = rounds;
  }
  return enough;
}

std::optional<double> noise_that_fits(const Accounting& accounting, const Spending& before,
                                      std::span<const PrivacyEvent> events, double delta,
                                      double budget) {
  constexpr double kMost = 1e6, kFine = 1e-3;
  const auto fits_with = [&](double factor) {
    std::vector<PrivacyEvent> louder(events.begin(), events.end());
    for (PrivacyEvent& event : louder) event.noise_multiplier *= factor;
    return fits(accounting, before, louder, delta, budget);
  };
  double high = 1.0;
  while (!fits_with(high)) {
    high *= 2.0;
    if (high > kMost) return std::nullopt;
  }
  double low = high / 2.0;
  while (high > 1.0 && high - low > kFine * high) {
    const double middle = 0.5 * (low + high);
    (fits_with(middle) ? high : low) = middle;
  }
  return high;
}

}  // namespace collegium
