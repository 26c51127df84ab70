#include "store/ledger_rows.h"

#include "store/event_json.h"

namespace collegium {
namespace {

constexpr const char* kChargeColumns =
    "SELECT seq, run, round, purpose, attempt, kind, events, epsilon_after, state, output_hash "
    "FROM charge ";

Charge charge_of(const Statement& row) {
  Charge charge;
  charge.seq = row.integer(0);
  charge.key = {row.text(1), static_cast<std::uint64_t>(row.integer(2)), row.text(3),
                row.integer(4)};
  for (ChargeKind kind : {ChargeKind::schedule, ChargeKind::drawn, ChargeKind::extra})
    if (name_of(kind) == row.text(5)) charge.kind = kind;
  charge.cost = events_from_json(row.text(6)).value();  // the chain's check parsed them all
  charge.epsilon_after = row.number(7);
  for (ChargeState state : {ChargeState::reserved, ChargeState::released, ChargeState::forfeited})
    if (name_of(state) == row.text(8)) charge.state = state;
  charge.output_hash = row.text(9);
  return charge;
}

}  // namespace

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

std::string_view name_of(ChargeKind kind) {
  switch (kind) {
    case ChargeKind::schedule:
      return "schedule";
    case ChargeKind::drawn:
      return "drawn";
    case ChargeKind::extra:
      return "extra";
  }
  return "";
}

ChargeKey schedule_key(const std::string& run) {
  return {.run = run, .round = 0, .purpose = "schedule", .attempt = 1};
}

std::optional<LedgerDataset> read_dataset(const Database& database, const std::string& id) {
  Statement row =
      database.prepare("SELECT unit, delta, budget, n_public FROM dataset WHERE id = ?");
  row.bind(id);
  if (!row.next()) return std::nullopt;
  return LedgerDataset{id, row.text(0), row.number(1), row.number_if_any(2), row.integer(3)};
}

std::optional<LedgerRun> read_run(const Database& database, const std::string& id) {
  Statement row = database.prepare(
      "SELECT dataset, rounds, simulation, config_hash, config FROM run WHERE id = ?");
  row.bind(id);
  if (!row.next()) return std::nullopt;
  return LedgerRun{id, row.text(0), row.integer(1), row.integer(2) != 0, row.text(3), row.text(4)};
}

std::optional<Charge> read_charge(const Database& database, const ChargeKey& key) {
  Statement row = database.prepare(std::string(kChargeColumns) +
                                   "WHERE run = ? AND round = ? AND purpose = ? AND attempt = ?");
  row.bind_all(key.run, key.round, key.purpose, key.attempt);
  if (!row.next()) return std::nullopt;
  return charge_of(row);
}

std::vector<Charge> read_charges(const Database& database, const std::string& dataset) {
  std::vector<Charge> charges;
  Statement rows = database.prepare(std::string(kChargeColumns) + "WHERE dataset = ? ORDER BY seq");
  rows.bind(dataset);
  while (rows.next()) charges.push_back(charge_of(rows));
  return charges;
}

Spending read_spending(const Database& database, const std::string& dataset,
                       const std::optional<std::string>& run) {
  Spending spending;
  Statement rows = database.prepare(
      "SELECT events, kind, filter_order FROM charge WHERE dataset = ? AND kind <> 'drawn' AND "
      "(run = ? OR ? IS NULL) ORDER BY seq");
  rows.bind_all(dataset, run, run);
  while (rows.next())
    spending.add(events_from_json(rows.text(0)).value(),
                 rows.text(1) == name_of(ChargeKind::schedule), rows.number(2));
  return spending;
}

}  // namespace collegium
