#include "store/ledger.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/file.h"
#include "collegium/error.h"
#include "store/event_json.h"
#include "store/ledger_chain.h"
#include "store/ledger_filter.h"
#include "store/ledger_schema.h"

namespace collegium {
namespace {

constexpr const char* kChargeColumns =
    "SELECT seq, run, round, purpose, attempt, event, epsilon_after, state, output_hash FROM "
    "charge ";

std::string_view name_of(ChargeState state) {
  switch (state) {
    case ChargeState::reserved:
      return "reserved";
    case ChargeState::released:
      return "released";
    case ChargeState::forfeited:
      return "void";
  }
  return "";
}

std::string describe(const ChargeKey& key) {
  return "run " + key.run + ", round " + std::to_string(key.round) + ", " + key.purpose +
         ", attempt " + std::to_string(key.attempt);
}

// Names that are hashed and printed: no newline, no control character, nothing endless.
void check_word(const std::string& word, const char* what) {
  const bool fits =
      !word.empty() && word.size() <= 128 &&
      std::all_of(word.begin(), word.end(), [](unsigned char c) { return c > 0x20 && c != 0x7f; });
  if (fits) return;
  throw ConfigError(Problem{.what = std::string("a name the ledger cannot keep for ") + what,
                            .where = "ledger",
                            .expected = "1 to 128 characters without blanks",
                            .found = "'" + word.substr(0, 128) + "'"});
}

std::string short_number(double value) {
  std::array<char, 32> text{};
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 6)
          .ptr;
  return {text.data(), end};
}

std::vector<PrivacyEvent> events_of(const Database& database, const std::string& dataset) {
  std::vector<PrivacyEvent> events;
  Statement rows = database.prepare("SELECT event FROM charge WHERE dataset = ? ORDER BY seq");
  rows.bind(dataset);
  while (rows.next())
    add_event(events, event_from_json(rows.text(0)).value());  // the chain's check parsed them all
  return events;
}

Charge charge_of(const Statement& row) {
  Charge charge;
  charge.seq = row.integer(0);
  charge.key = {row.text(1), static_cast<std::uint64_t>(row.integer(2)), row.text(3),
                row.integer(4)};
  charge.event = event_from_json(row.text(5)).value();
  charge.epsilon_after = row.number(6);
  const std::string state = row.text(7);
  charge.state = state == "reserved"   ? ChargeState::reserved
                 : state == "released" ? ChargeState::released
                                       : ChargeState::forfeited;
  charge.output_hash = row.text(8);
  return charge;
}

BudgetExhausted exhausted(const ChargeKey& key, const LedgerDataset& dataset,
                          const PrivacyEvent& event, double spent, double after) {
  const std::string at_delta = " at delta " + short_number(dataset.delta);
  std::string found =
      "epsilon " + short_number(spent) + " spent, " + short_number(after) + " with this charge";
  if (event.kind == PrivacyEvent::Kind::unbounded)
    found = "a release without any bound: " + event.reason;
  if (std::isinf(spent)) found = "an earlier release without any bound";
  return BudgetExhausted(
      Problem{.what = "the data set '" + dataset.id + "' has no privacy left for this",
              .where = describe(key),
              .expected = "at most epsilon " + short_number(*dataset.budget) + at_delta +
                          " over the data set's whole life",
              .found = std::move(found),
              .remedy = "ask for fewer rounds or more noise; the budget is the site's own decision "
                        "([policy] in site.toml)"});
}

}  // namespace

Ledger::Ledger(const std::filesystem::path& folder, EpsilonOf epsilon_of, WallClock clock)
    : folder_((make_folders(folder.string()), folder)),
      lock_(folder / "site.lock", "the ledger"),
      database_(folder / "site.db", Database::Mode::create),
      epsilon_of_(std::move(epsilon_of)),
      clock_(std::move(clock)) {
  Transaction schema(database_);
  database_.execute(kLedgerSchema);
  schema.commit();
  verify_chain();
  check_head();
}

std::string Ledger::now() {
  std::string at = timestamp(clock_());
  if (at < last_at_) {
    const std::string last = std::exchange(last_at_, at);
    database_.prepare("INSERT INTO note(at, level, text) VALUES(?, 'warning', ?)")
        .bind_all(at, "the clock went backwards: the entry before this one is of " + last)
        .run();
  }
  last_at_ = at;
  return at;
}

void Ledger::note(std::string_view level, std::string_view text) {
  const std::string at = now();
  database_.prepare("INSERT INTO note(at, level, text) VALUES(?, ?, ?)")
      .bind_all(at, level, text)
      .run();
}

void Ledger::add_dataset(const LedgerDataset& wanted) {
  check_word(wanted.id, "a data set");
  if (wanted.unit != "patient" && wanted.unit != "site") {
    throw ConfigError(Problem{.what = "an unknown unit of privacy",
                              .where = "data set '" + wanted.id + "'",
                              .expected = "patient or site",
                              .found = wanted.unit});
  }
  const bool budget_fits = !wanted.budget || (std::isfinite(*wanted.budget) && *wanted.budget >= 0);
  if (!(wanted.delta > 0 && wanted.delta < 1) || !budget_fits) {
    throw ConfigError(Problem{.what = "a privacy budget that means nothing",
                              .where = "data set '" + wanted.id + "'",
                              .expected = "delta between 0 and 1, a finite epsilon of at least 0",
                              .found = "delta " + short_number(wanted.delta) + ", epsilon " +
                                       (wanted.budget ? short_number(*wanted.budget) : "none")});
  }
  Transaction transaction(database_);
  const std::optional<LedgerDataset> known = dataset(wanted.id);
  if (known && known->unit != wanted.unit) {
    throw ConfigError(Problem{.what = "the data set '" + wanted.id + "' protects another unit",
                              .where = database_.file(),
                              .expected = "unit " + known->unit,
                              .found = "unit " + wanted.unit,
                              .remedy = "the two never mix in one ledger: keep the unit"});
  }
  database_
      .prepare(
          "INSERT INTO dataset(id, unit, delta, budget, n_public) VALUES(?, ?, ?, ?, ?) ON "
          "CONFLICT(id) DO UPDATE "
          "SET delta = excluded.delta, budget = excluded.budget, n_public = excluded.n_public")
      .bind_all(wanted.id, wanted.unit, wanted.delta, wanted.budget, wanted.n_public)
      .run();
  if (known && (known->delta != wanted.delta || known->budget != wanted.budget)) {
    const auto text = [](const LedgerDataset& of) {
      return "epsilon " + (of.budget ? short_number(*of.budget) : "without limit") + " at delta " +
             short_number(of.delta);
    };
    note("warning",
         "the budget of '" + wanted.id + "' changed from " + text(*known) + " to " + text(wanted));
  }
  transaction.commit();
}

void Ledger::add_run(const LedgerRun& run) {
  check_word(run.id, "a run");
  Transaction transaction(database_);
  Statement known = database_.prepare("SELECT dataset, config_hash FROM run WHERE id = ?");
  known.bind(run.id);
  if (known.next()) {
    if (known.text(0) == run.dataset && known.text(1) == run.config_hash) return;
    throw ConfigError(
        Problem{.what = "the run is in the ledger already, with another data set or configuration",
                .where = database_.file() + ", run " + run.id,
                .expected = "data set '" + known.text(0) + "', configuration " + known.text(1),
                .found = "data set '" + run.dataset + "', configuration " + run.config_hash,
                .remedy = "start a new run instead of changing one"});
  }
  const std::string at = now();
  database_
      .prepare("INSERT INTO run(id, dataset, config_hash, schedule, created) VALUES(?, ?, ?, ?, ?)")
      .bind_all(run.id, run.dataset, run.config_hash, run.schedule, at)
      .run();
  transaction.commit();
}

LedgerDataset Ledger::dataset_of_run(const std::string& run) const {
  Statement row = database_.prepare("SELECT dataset FROM run WHERE id = ?");
  row.bind(run);
  if (row.next()) return dataset(row.text(0)).value();
  throw ConfigError(Problem{.what = "nothing can be charged to a run the ledger does not know",
                            .where = database_.file(),
                            .found = "run " + run,
                            .remedy = "register the run first"});
}

Charge Ledger::reserve(const ChargeKey& key, const PrivacyEvent& event) {
  check_word(key.purpose, "a purpose");
  const std::string json = event_to_json(event);
  Transaction transaction(database_);
  if (std::optional<Charge> known = find(key)) {
    if (event_to_json(known->event) == json) return *known;
    throw ConfigError(Problem{.what = "this was charged before, for something else",
                              .where = describe(key),
                              .expected = event_to_json(known->event),
                              .found = json,
                              .remedy = "a changed task is a new attempt"});
  }
  const LedgerDataset dataset = dataset_of_run(key.run);
  std::vector<PrivacyEvent> events = events_of(database_, dataset.id);
  const double spent = composed_epsilon(epsilon_of_, events, dataset.delta);
  add_event(events, event);
  const double after = composed_epsilon(epsilon_of_, events, dataset.delta);
  const bool costs = event.kind != PrivacyEvent::Kind::none;
  if (dataset.budget && costs && !(after <= *dataset.budget))
    throw exhausted(key, dataset, event, spent, after);

  const std::string at = now();
  const ChainedRow row{last_seq_ + 1,
                       dataset.id,
                       key.run,
                       static_cast<std::int64_t>(key.round),
                       key.purpose,
                       key.attempt,
                       json,
                       after,
                       at};
  const Digest hash = row_hash(head_, row);
  database_
      .prepare(
          "INSERT INTO charge(seq, dataset, run, round, purpose, attempt, event, epsilon_after, "
          "state, prev_hash, "
          "row_hash, at) VALUES(?, ?, ?, ?, ?, ?, ?, ?, 'reserved', ?, ?, ?)")
      .bind_all(row.seq, row.dataset, row.run, row.round, row.purpose, row.attempt, row.event,
                row.epsilon_after, to_hex(head_), to_hex(hash), at)
      .run();
  transaction.commit();
  last_seq_ = row.seq;
  head_ = hash;
  write_head();
  return Charge{row.seq, key, event, after, ChargeState::reserved, {}};
}

void Ledger::settle(const ChargeKey& key, ChargeState state, const std::string& output_hash) {
  Transaction transaction(database_);
  const std::optional<Charge> known = find(key);
  if (known && known->state == state && known->output_hash == output_hash) return;
  if (!known || known->state != ChargeState::reserved) {
    throw SystemError(Problem{
        .what = "a charge cannot be marked " + std::string(name_of(state)),
        .where = describe(key),
        .expected = "a reserved charge",
        .found = !known ? "no charge"
                        : std::string(name_of(known->state)) +
                              (known->output_hash.empty() ? "" : " with " + known->output_hash),
        .remedy = "send the stored bytes of that release; never a second output"});
  }
  const std::optional<std::string> hash =
      output_hash.empty() ? std::nullopt : std::optional(output_hash);
  database_.prepare("UPDATE charge SET state = ?, output_hash = ? WHERE seq = ?")
      .bind_all(name_of(state), hash, known->seq)
      .run();
  transaction.commit();
}

void Ledger::release(const ChargeKey& key, const Digest& output) {
  settle(key, ChargeState::released, to_hex(output));
}

void Ledger::forfeit(const ChargeKey& key) { settle(key, ChargeState::forfeited, {}); }

std::optional<Charge> Ledger::find(const ChargeKey& key) const {
  Statement row = database_.prepare(std::string(kChargeColumns) +
                                    "WHERE run = ? AND round = ? AND purpose = ? AND attempt = ?");
  row.bind_all(key.run, key.round, key.purpose, key.attempt);
  if (!row.next()) return std::nullopt;
  return charge_of(row);
}

std::vector<Charge> Ledger::charges(const std::string& dataset) const {
  std::vector<Charge> result;
  Statement rows =
      database_.prepare(std::string(kChargeColumns) + "WHERE dataset = ? ORDER BY seq");
  rows.bind(dataset);
  while (rows.next()) result.push_back(charge_of(rows));
  return result;
}

double Ledger::spent(const std::string& id) const {
  const std::optional<LedgerDataset> known = dataset(id);
  return known ? composed_epsilon(epsilon_of_, events_of(database_, id), known->delta) : 0.0;
}

std::optional<LedgerDataset> Ledger::dataset(const std::string& id) const {
  Statement row =
      database_.prepare("SELECT unit, delta, budget, n_public FROM dataset WHERE id = ?");
  row.bind(id);
  if (!row.next()) return std::nullopt;
  return LedgerDataset{id, row.text(0), row.number(1), row.number_if_any(2), row.integer(3)};
}

}  // namespace collegium
