#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "collegium/privacy.h"
#include "privacy/accountant.h"
#include "privacy/filter.h"

namespace collegium {

// How a ledger turns events into epsilon; tests put simple sums in their place.
struct Accounting {
  // Of one schedule that was fixed beforehand.
  std::function<double(std::span<const PrivacyEvent>, double delta)> fixed = epsilon;
  // Of releases chosen one after the other, at an order chosen before the first.
  std::function<double(std::span<const PrivacyEvent>, double order, double delta)> filter =
      filter_epsilon;
  std::function<double(std::span<const PrivacyEvent>, double delta, std::optional<double> budget)>
      order = filter_order;
};

bool costs(std::span<const PrivacyEvent> events);  // false: none of them depends on data

// Whether `drawn` is a part of `schedule`: of each mechanism no more releases than it has.
bool covers(std::span<const PrivacyEvent> schedule, std::span<const PrivacyEvent> drawn);

// Everything that was ever reserved for one data set.
struct Spending {
  std::vector<PrivacyEvent> events = {};
  std::int64_t entries = 0;    // schedules and extra charges, those without a cost not counted
  bool only_schedule = false;  // there is one entry, and it is a schedule
  double order = 0;            // of the filter, fixed with the first entry

  void add(std::span<const PrivacyEvent> cost, bool is_schedule, double filter_order);
};

// What a data set has spent, and so the rule of the ledger: an entry is accepted when, with it,
// this is within the budget. The filter holds always. While a single schedule is all there is, its
// own tight epsilon holds too, and the smaller of the two counts.
//
// Why both together are sound although the next run is chosen after seeing this one:
// - The first schedule is within the budget by the filter. Then whatever is accepted later has the
//   sum of everything within the budget by the same filter, whose order was fixed with this first
//   schedule, before anything was released.
// - It is within the budget only by its own epsilon. Divergences are never negative and are never
//   refunded, so the filter stays above the budget for ever and refuses all that comes later. What
//   is released is this one schedule, fixed before it began, and nothing else.
// Which of the two it is depends on public numbers alone.
//
// Infinite when something has no bound or an accountant gives no number; 0 when nothing was
// reserved.
double spent_epsilon(const Accounting& accounting, const Spending& spending, double delta);

// `events` with every count taken for `rounds` of the `of` rounds they are for, rounded up.
std::vector<PrivacyEvent> part_of(std::span<const PrivacyEvent> events, std::int64_t rounds,
                                  std::int64_t of);

// The most rounds, at most `limit`, of a schedule like this one (`events` for `of` rounds) that the
// budget would still take after `before`.
std::int64_t rounds_that_fit(const Accounting& accounting, const Spending& before,
                             std::span<const PrivacyEvent> events, std::int64_t of,
                             std::int64_t limit, double delta, double budget);

// By how much every noise multiplier of `events` has to grow for the whole to fit, at least 1 and
// rounded up; empty: no noise is enough.
std::optional<double> noise_that_fits(const Accounting& accounting, const Spending& before,
                                      std::span<const PrivacyEvent> events, double delta,
                                      double budget);

}  // namespace collegium
