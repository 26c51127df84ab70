#include "store/ledger_refusal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace collegium {
namespace {

using Kind = PrivacyEvent::Kind;

constexpr const char* kOwnDecision =
    "the budget is the site's own decision ([policy] in site.toml)";

std::string limit_of(const LedgerDataset& dataset) {
  return "at most epsilon " + short_number(*dataset.budget) + " at delta " +
         short_number(dataset.delta) + " over the data set's whole life";
}

const PrivacyEvent* unbounded_in(std::span<const PrivacyEvent> events) {
  const auto found = std::find_if(events.begin(), events.end(), [](const PrivacyEvent& event) {
    return event.kind == Kind::unbounded;
  });
  return found == events.end() ? nullptr : &*found;
}

// "3.2 spent, 4.8 left; ASKED, 9.1 together"
std::string balance(const Accounting& accounting, const LedgerDataset& dataset,
                    const Spending& before, std::span<const PrivacyEvent> cost,
                    const std::string& who, double after) {
  if (unbounded_in(before.events)) return "an earlier release without any bound";
  if (const PrivacyEvent* event = unbounded_in(cost))
    return "a release without any bound: " + event->reason;
  const double spent = spent_epsilon(accounting, before, dataset.delta);
  Spending alone;
  alone.add(
      cost, true,
      before.entries > 0 ? before.order : accounting.order(cost, dataset.delta, dataset.budget));
  return "epsilon " + short_number(spent) + " spent, " +
         short_number(std::max(0.0, *dataset.budget - spent)) + " left; " + who + " asks for " +
         short_number(spent_epsilon(accounting, alone, dataset.delta)) + ", which makes " +
         short_number(after);
}

// The one noise multiplier of a schedule, if it has just one.
std::optional<double> noise_of(std::span<const PrivacyEvent> events) {
  std::optional<double> noise;
  for (const PrivacyEvent& event : events) {
    if (event.noise_multiplier <= 0) continue;
    if (noise && *noise != event.noise_multiplier) return std::nullopt;
    noise = event.noise_multiplier;
  }
  return noise;
}

// Rounded up in the fourth digit: what is printed has to fit.
double rounded_up(double value) {
  const double grid = std::pow(10.0, std::floor(std::log10(value)) - 3.0);
  return std::ceil(value / grid) * grid;
}

std::string what_fits(const Accounting& accounting, const LedgerDataset& dataset,
                      const LedgerRun& run, const Spending& before,
                      std::span<const PrivacyEvent> schedule) {
  if (unbounded_in(before.events)) return "nothing fits any more";
  if (unbounded_in(schedule)) return "choose a mechanism with a bound";
  const double budget = *dataset.budget;
  std::string text;
  const std::int64_t rounds = rounds_that_fit(accounting, before, schedule, run.rounds,
                                              run.rounds - 1, dataset.delta, budget);
  if (rounds > 0)
    text = std::to_string(rounds) + " of its " + std::to_string(run.rounds) +
           " rounds would fit at this noise";
  if (const auto factor = noise_that_fits(accounting, before, schedule, dataset.delta, budget)) {
    const std::optional<double> noise = noise_of(schedule);
    text += text.empty() ? "" : "; ";
    text += "all " + std::to_string(run.rounds) + " would with " +
            (noise ? "noise_multiplier = " + short_number(rounded_up(*noise * *factor)) +
                         " instead of " + short_number(*noise)
                   : short_number(rounded_up(*factor)) + " times the noise");
  }
  return text.empty() ? "nothing of it would fit" : text;
}

}  // namespace

std::string short_number(double value) {
  std::array<char, 32> text{};
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 6)
          .ptr;
  return {text.data(), end};
}

void check_ledger_word(const std::string& word, const char* what) {
  const bool fits =
      !word.empty() && word.size() <= 128 &&
      std::all_of(word.begin(), word.end(), [](unsigned char c) { return c > 0x20 && c != 0x7f; });
  if (fits) return;
  throw ConfigError(Problem{.what = std::string("a name the ledger cannot keep for ") + what,
                            .where = "ledger",
                            .expected = "1 to 128 characters without blanks",
                            .found = "'" + word.substr(0, 128) + "'"});
}

BudgetExhausted schedule_refused(const Accounting& accounting, const LedgerDataset& dataset,
                                 const LedgerRun& run, const Spending& before,
                                 std::span<const PrivacyEvent> schedule, double after) {
  const std::string who = "the run (" + std::to_string(run.rounds) + " rounds)";
  return BudgetExhausted(Problem{
      .what = "the data set '" + dataset.id + "' has too little privacy left for this run",
      .where = "run " + run.id,
      .expected = limit_of(dataset),
      .found = balance(accounting, dataset, before, schedule, who, after),
      .remedy = what_fits(accounting, dataset, run, before, schedule) + "; " + kOwnDecision});
}

BudgetExhausted extra_refused(const Accounting& accounting, const LedgerDataset& dataset,
                              const std::string& where, const Spending& before,
                              std::span<const PrivacyEvent> cost, double after) {
  return BudgetExhausted(Problem{
      .what = "the data set '" + dataset.id + "' has no privacy left for this",
      .where = where,
      .expected = limit_of(dataset) + ", beyond the run's schedule too",
      .found = balance(accounting, dataset, before, cost, "this release", after),
      .remedy =
          std::string("the run goes on without this release, or ends here; ") + kOwnDecision});
}

}  // namespace collegium
