#include "store/ledger_balance.h"

#include <utility>

#include "collegium/error.h"
#include "store/file_identity.h"
#include "store/ledger_head.h"
#include "store/ledger_rows.h"

namespace collegium {
namespace {

std::int64_t count(const Database& database, const std::string& run, const char* what,
                   const char* where) {
  Statement row = database.prepare("SELECT count(" + std::string(what) +
                                   ") FROM charge WHERE run = ? AND " + where);
  row.bind(run);
  row.next();
  return row.integer(0);
}

RunBalance balance_of(const Database& database, const Accounting& accounting,
                      const LedgerDataset& dataset, const std::string& id, std::string created) {
  RunBalance balance{.run = read_run(database, id).value(), .created = std::move(created)};
  const Spending spending = read_spending(database, dataset.id, id);
  balance.epsilon = spent_epsilon(accounting, spending, dataset.delta);
  balance.schedule = read_charge(database, schedule_key(id)).value().cost;
  balance.drawn = count(database, id, "DISTINCT round", "kind = 'drawn'");
  balance.extra = count(database, id, "*", "kind = 'extra'");
  balance.released = count(database, id, "*", "state = 'released'");
  return balance;
}

DatasetBalance balance_of(const Database& database, const Accounting& accounting,
                          const std::string& id) {
  DatasetBalance balance{.dataset = read_dataset(database, id).value()};
  const Spending spending = read_spending(database, id);
  balance.spent = spent_epsilon(accounting, spending, balance.dataset.delta);
  Statement runs = database.prepare("SELECT id, created FROM run WHERE dataset = ? ORDER BY rowid");
  runs.bind(id);
  while (runs.next())
    balance.runs.push_back(
        balance_of(database, accounting, balance.dataset, runs.text(0), runs.text(1)));
  if (!balance.dataset.budget) return balance;
  for (const RunBalance& run : balance.runs)
    if (costs(run.schedule))
      balance.rounds_left =
          rounds_that_fit(accounting, spending, run.schedule, run.run.rounds, kManyRounds,
                          balance.dataset.delta, *balance.dataset.budget);
  return balance;
}

}  // namespace

Balance read_balance(const std::filesystem::path& folder, const Accounting& accounting) {
  const std::filesystem::path file = folder / "site.db";
  if (!std::filesystem::exists(file))
    throw SystemError(Problem{.what = "there is no ledger in this folder",
                              .where = folder.string(),
                              .expected = "a file site.db",
                              .remedy = "give the folder of [site] state"});
  // The head first: what is written in between makes the ledger longer, never shorter.
  const std::optional<LedgerHead> head = read_head(folder);
  Database database(file, Database::Mode::read_only);
  database.execute("BEGIN");  // one snapshot for all that follows
  Balance balance{.position = verify_chain(database).position};
  if (head || balance.position.seq > 0) {
    require_position(database, balance.position, require_head(folder, head).position, kHeadFile);
    balance.copied = head->identity != file_identity(file);
  }
  Statement datasets = database.prepare("SELECT id FROM dataset ORDER BY id");
  while (datasets.next())
    balance.datasets.push_back(balance_of(database, accounting, datasets.text(0)));
  return balance;
}

}  // namespace collegium
