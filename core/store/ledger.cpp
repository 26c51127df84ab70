#include "store/ledger.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/file.h"
#include "collegium/error.h"
#include "store/ledger_refusal.h"
#include "store/ledger_rows.h"
#include "store/ledger_schema.h"

namespace collegium {
namespace {

void check_dataset(const LedgerDataset& wanted) {
  check_ledger_word(wanted.id, "a data set");
  if (wanted.unit != "patient" && wanted.unit != "site") {
    throw ConfigError(Problem{.what = "an unknown unit of privacy",
                              .where = "data set '" + wanted.id + "'",
                              .expected = "patient or site",
                              .found = wanted.unit});
  }
  const bool budget_fits = !wanted.budget || (std::isfinite(*wanted.budget) && *wanted.budget >= 0);
  if (wanted.delta > 0 && wanted.delta < 1 && budget_fits) return;
  throw ConfigError(Problem{.what = "a privacy budget that means nothing",
                            .where = "data set '" + wanted.id + "'",
                            .expected = "delta between 0 and 1, a finite epsilon of at least 0",
                            .found = "delta " + short_number(wanted.delta) + ", epsilon " +
                                     (wanted.budget ? short_number(*wanted.budget) : "none")});
}

std::string budget_text(const LedgerDataset& of) {
  return "epsilon " + (of.budget ? short_number(*of.budget) : "without limit") + " at delta " +
         short_number(of.delta);
}

}  // namespace

Ledger::Ledger(const std::filesystem::path& folder, Accounting accounting, WallClock clock)
    : folder_((make_folders(folder.string()), folder)),
      lock_(folder / "site.lock", "the ledger"),
      database_(folder / "site.db", Database::Mode::create),
      accounting_(std::move(accounting)),
      clock_(std::move(clock)) {
  create_tables();
  end_ = verify_chain(database_);
  check_head();
}

void Ledger::create_tables() {
  Transaction schema(database_);
  Statement format = database_.prepare("PRAGMA user_version");
  format.next();
  const std::int64_t found = format.integer(0);
  Statement table = database_.prepare("SELECT 1 FROM sqlite_master WHERE name = 'charge'");
  if (table.next() && found != kLedgerFormat) {
    throw SystemError(Problem{.what = "the ledger was written by another version of Collegium",
                              .where = database_.file(),
                              .expected = "format " + std::to_string(kLedgerFormat),
                              .found = "format " + std::to_string(found),
                              .remedy = "use the version that wrote it; what it has spent counts"});
  }
  table.reset();
  format.reset();
  database_.execute(kLedgerSchema);
  database_.execute("PRAGMA user_version = " + std::to_string(kLedgerFormat));
  schema.commit();
}

std::string Ledger::now() {
  std::string at = timestamp(clock_());
  if (at < end_.at) {
    const std::string last = std::exchange(end_.at, at);
    database_.prepare("INSERT INTO note(at, level, text) VALUES(?, 'warning', ?)")
        .bind_all(at, "the clock went backwards: the entry before this one is of " + last)
        .run();
  }
  end_.at = at;
  return at;
}

void Ledger::note(std::string_view level, std::string_view text) {
  const std::string at = now();
  database_.prepare("INSERT INTO note(at, level, text) VALUES(?, ?, ?)")
      .bind_all(at, level, text)
      .run();
}

void Ledger::add_dataset(const LedgerDataset& wanted) {
  check_dataset(wanted);
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
    note("warning", "the budget of '" + wanted.id + "' changed from " + budget_text(*known) +
                        " to " + budget_text(wanted));
  }
  transaction.commit();
  spent_.erase(wanted.id);
}

std::optional<Charge> Ledger::find(const ChargeKey& key) const {
  return read_charge(database_, key);
}

std::vector<Charge> Ledger::charges(const std::string& dataset) const {
  return read_charges(database_, dataset);
}

std::optional<LedgerDataset> Ledger::dataset(const std::string& id) const {
  return read_dataset(database_, id);
}

double Ledger::spent(const std::string& id) const {
  const std::optional<LedgerDataset> known = dataset(id);
  if (!known) return 0.0;
  const auto kept = spent_.find(id);
  if (kept != spent_.end()) return kept->second;
  const double epsilon = spent_epsilon(accounting_, read_spending(database_, id), known->delta);
  spent_[id] = epsilon;
  return epsilon;
}

double Ledger::spent_by_run(const std::string& id) const {
  const LedgerRun run = known_run(id);
  return spent_epsilon(accounting_, read_spending(database_, run.dataset, id),
                       dataset(run.dataset).value().delta);
}

LedgerRun Ledger::known_run(const std::string& id) const {
  if (std::optional<LedgerRun> run = read_run(database_, id)) return *run;
  throw ConfigError(Problem{.what = "nothing can be charged to a run the ledger does not know",
                            .where = database_.file(),
                            .found = "run " + id,
                            .remedy = "begin the run first"});
}

}  // namespace collegium
