// What is charged, in the order that makes it safe to be killed anywhere.
#include <algorithm>
#include <limits>
#include <utility>

#include "base/hash.h"
#include "collegium/error.h"
#include "privacy/event_rules.h"
#include "store/event_json.h"
#include "store/ledger.h"
#include "store/ledger_refusal.h"
#include "store/ledger_rows.h"

namespace collegium {
namespace {

std::string describe(const ChargeKey& key) {
  return "run " + key.run + ", round " + std::to_string(key.round) + ", " + key.purpose +
         ", attempt " + std::to_string(key.attempt);
}

// One event a mechanism, so that equal costs give equal text.
std::vector<PrivacyEvent> merged(std::span<const PrivacyEvent> cost) {
  std::vector<PrivacyEvent> events;
  for (const PrivacyEvent& event : cost) add_event(events, event);
  return events;
}

// What a run has drawn so far, and `more`.
std::vector<PrivacyEvent> drawn_by(const Database& database, const std::string& run,
                                   std::span<const PrivacyEvent> more) {
  std::vector<PrivacyEvent> events;
  Statement rows = database.prepare("SELECT events FROM charge WHERE run = ? AND kind = 'drawn'");
  rows.bind(run);
  while (rows.next()) {
    const std::vector<PrivacyEvent> one = events_from_json(rows.text(0)).value();
    for (const PrivacyEvent& event : one) add_event(events, event);
  }
  for (const PrivacyEvent& event : more) add_event(events, event);
  return events;
}

}  // namespace

Charge Ledger::begin_run(const LedgerRun& run, std::span<const PrivacyEvent> schedule) {
  check_ledger_word(run.id, "a run");
  const std::vector<PrivacyEvent> cost = merged(schedule);
  const std::string json = events_to_json(cost);
  Transaction transaction(database_);
  if (const std::optional<LedgerRun> known = read_run(database_, run.id)) {
    const Charge charge = find(schedule_key(run.id)).value();
    if (known->dataset == run.dataset && known->config_hash == run.config_hash &&
        events_to_json(charge.cost) == json)
      return charge;
    throw ConfigError(Problem{
        .what = "the run is in the ledger already, with another data set, configuration or cost",
        .where = database_.file() + ", run " + run.id,
        .expected = "data set '" + known->dataset + "', configuration " + known->config_hash +
                    ", cost " + events_to_json(charge.cost),
        .found =
            "data set '" + run.dataset + "', configuration " + run.config_hash + ", cost " + json,
        .remedy = "start a new run instead of changing one"});
  }
  const std::optional<LedgerDataset> dataset = this->dataset(run.dataset);
  if (!dataset)
    throw ConfigError(Problem{.what = "the run is on a data set that the ledger does not know",
                              .where = database_.file(),
                              .found = "data set '" + run.dataset + "'",
                              .remedy = "add the data set first"});
  const Spending before = read_spending(database_, dataset->id);
  Spending after = before;
  after.add(cost, true, accounting_.order(cost, dataset->delta, dataset->budget));
  const double epsilon = spent_epsilon(accounting_, after, dataset->delta);
  if (dataset->budget && costs(cost) && !(epsilon <= *dataset->budget))
    throw schedule_refused(accounting_, *dataset, run, before, cost, epsilon);
  database_
      .prepare(
          "INSERT INTO run(id, dataset, rounds, simulation, config_hash, config, created) "
          "VALUES(?, ?, ?, ?, ?, ?, ?)")
      .bind_all(run.id, run.dataset, run.rounds, run.simulation ? 1 : 0, run.config_hash,
                run.config, now())
      .run();
  return append(transaction, *dataset, schedule_key(run.id), ChargeKind::schedule, cost,
                after.order, epsilon);
}

Charge Ledger::reserve(const ChargeKey& key, std::span<const PrivacyEvent> wanted) {
  check_ledger_word(key.purpose, "a purpose");
  const std::vector<PrivacyEvent> cost = merged(wanted);
  const std::string json = events_to_json(cost);
  Transaction transaction(database_);
  if (std::optional<Charge> known = find(key)) {
    if (known->kind != ChargeKind::schedule && events_to_json(known->cost) == json) return *known;
    throw ConfigError(Problem{.what = "this was charged before, for something else",
                              .where = describe(key),
                              .expected = events_to_json(known->cost),
                              .found = json,
                              .remedy = "a changed task is a new attempt"});
  }
  const LedgerRun run = known_run(key.run);
  const LedgerDataset dataset = this->dataset(run.dataset).value();
  const std::vector<PrivacyEvent> schedule = find(schedule_key(run.id)).value().cost;
  if (covers(schedule, drawn_by(database_, run.id, cost)))
    return append(transaction, dataset, key, ChargeKind::drawn, cost, 0.0, spent(dataset.id));

  const Spending before = read_spending(database_, dataset.id);
  Spending after = before;
  after.add(cost, false, accounting_.order(cost, dataset.delta, dataset.budget));
  const double epsilon = spent_epsilon(accounting_, after, dataset.delta);
  if (dataset.budget && !(epsilon <= *dataset.budget))
    throw extra_refused(accounting_, dataset, describe(key), before, cost, epsilon);
  return append(transaction, dataset, key, ChargeKind::extra, cost, after.order, epsilon);
}

Charge Ledger::append(Transaction& transaction, const LedgerDataset& dataset, const ChargeKey& key,
                      ChargeKind kind, const std::vector<PrivacyEvent>& cost, double order,
                      double epsilon) {
  const ChainedRow row{.seq = end_.position.seq + 1,
                       .dataset = dataset.id,
                       .run = key.run,
                       .kind = std::string(name_of(kind)),
                       .round = static_cast<std::int64_t>(key.round),
                       .purpose = key.purpose,
                       .attempt = key.attempt,
                       .events = events_to_json(cost),
                       .filter_order = order,
                       .epsilon_after = epsilon,
                       .at = now()};
  const Digest hash = row_hash(end_.position.head, row);
  database_
      .prepare(
          "INSERT INTO charge(seq, dataset, run, kind, round, purpose, attempt, events, "
          "filter_order, epsilon_after, state, prev_hash, row_hash, at) "
          "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'reserved', ?, ?, ?)")
      .bind_all(row.seq, row.dataset, row.run, row.kind, row.round, row.purpose, row.attempt,
                row.events, row.filter_order, row.epsilon_after, to_hex(end_.position.head),
                to_hex(hash), row.at)
      .run();
  transaction.commit();
  end_.position = {row.seq, hash};
  if (kind != ChargeKind::drawn) spent_.erase(dataset.id);
  store_head();
  return Charge{row.seq, key, kind, cost, epsilon, ChargeState::reserved, {}};
}

void Ledger::settle(const ChargeKey& key, ChargeState state, const std::string& output_hash) {
  Transaction transaction(database_);
  const std::optional<Charge> known = find(key);
  if (known && known->state == state && known->output_hash == output_hash) return;
  if (!known || known->state != ChargeState::reserved || known->kind == ChargeKind::schedule) {
    throw SystemError(Problem{
        .what = "a charge cannot be marked " + std::string(name_of(state)),
        .where = describe(key),
        .expected = "the reserved charge of one release",
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

}  // namespace collegium
