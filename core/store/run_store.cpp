#include "store/run_store.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/hash.h"
#include "collegium/error.h"
#include "collegium/version.h"
#include "model/safetensors.h"
#include "privacy/accountant.h"
#include "store/event_json.h"
#include "store/run_schema.h"

namespace collegium {
namespace {

constexpr const char* kFinalModel = "model.safetensors";
constexpr const char* kUnbounded =
    "NOT PRIVATE: something in it was released without a bound on what it gives away";

std::string now() { return timestamp(std::chrono::system_clock::now()); }

std::string checkpoint_name(std::uint64_t round) {
  std::array<char, 64> name{};
  std::snprintf(name.data(), name.size(), "checkpoints/round-%06llu.safetensors",
                static_cast<unsigned long long>(round));
  return name.data();
}

std::string hash_of(std::span<const float> model) {
  return to_hex(
      hash_bytes({reinterpret_cast<const std::uint8_t*>(model.data()), model.size_bytes()}));
}

void write_metric(Database& database, const MetricRow& metric) {
  database
      .prepare(
          "INSERT INTO metric(round, site, name, value, count) VALUES(?, ?, ?, ?, ?) "
          "ON CONFLICT(round, site, name) DO UPDATE SET value = excluded.value, count = "
          "excluded.count")
      .bind_all(metric.round, metric.site, metric.name, metric.value, metric.count)
      .run();
}

std::filesystem::path made(const std::filesystem::path& folder) {
  make_folders((folder / "checkpoints").string());
  return folder;
}

std::filesystem::path existing(const std::filesystem::path& folder) {
  if (std::filesystem::exists(folder / "run.db")) return folder;
  throw SystemError(Problem{.what = "there is no run in this folder",
                            .where = folder.string(),
                            .expected = "a file run.db",
                            .remedy = "give the folder of a run, as [run] folder names it"});
}

// From two columns; empty: the site told nothing.
std::optional<LedgerPosition> position_of(const Statement& row, int column) {
  LedgerPosition position{.seq = row.integer(column)};
  if (row.is_null(column) || !from_hex(row.text(column + 1), position.head)) return std::nullopt;
  return position;
}

}  // namespace

RunStore::RunStore(std::filesystem::path folder, Database::Mode mode)
    : folder_(std::move(folder)),
      lock_(folder_ / "run.lock", "the run"),
      database_(folder_ / "run.db", mode) {
  Transaction schema(database_);
  database_.execute(kRunSchema);
  schema.commit();
  info_ = {meta("run"), meta("name"), meta("config"), meta("layout"), meta("simulation") == "1"};
}

RunStore RunStore::open(const std::filesystem::path& folder) {
  RunStore store(existing(folder), Database::Mode::existing);
  if (!store.info_.run.empty()) return store;
  throw SystemError(Problem{.what = "the run in this folder was never started",
                            .where = folder.string(),
                            .remedy = "start it"});
}

bool RunStore::begun(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / "run.db") &&
         !RunStore(folder, Database::Mode::existing).info_.run.empty();
}

RunStore RunStore::create(const std::filesystem::path& folder, const RunInfo& info) {
  RunStore store(made(folder), Database::Mode::create);
  if (store.info_.run == info.run) return store;
  if (!store.info_.run.empty()) {
    throw SystemError(Problem{
        .what = "the folder holds another run",
        .where = folder.string(),
        .expected = "run " + info.run,
        .found = "run " + store.info_.run + " of '" + store.info_.name + "', " + store.state(),
        .remedy = "choose another [run] folder, or resume that run"});
  }
  Transaction transaction(store.database_);
  store.set_meta("run", info.run);
  store.set_meta("name", info.name);
  store.set_meta("config", info.config);
  store.set_meta("layout", info.layout);
  store.set_meta("simulation", info.simulation ? "1" : "0");
  store.set_meta("state", "running");
  store.set_meta("reason", "");
  store.set_meta("created", now());
  store.set_meta("version", COLLEGIUM_VERSION);
  transaction.commit();
  store.info_ = info;
  return store;
}

std::string RunStore::meta(std::string_view key) const {
  Statement row = database_.prepare("SELECT value FROM meta WHERE key = ?");
  row.bind(key);
  return row.next() ? row.text(0) : std::string();
}

void RunStore::set_meta(std::string_view key, std::string_view value) {
  database_
      .prepare(
          "INSERT INTO meta(key, value) VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value = "
          "excluded.value")
      .bind_all(key, value)
      .run();
}

std::string RunStore::state() const { return meta("state"); }

std::optional<RunStore::Closed> RunStore::last_closed() const {
  Statement row = database_.prepare(
      "SELECT number, model, model_hash FROM round WHERE state = 'closed' ORDER BY number DESC "
      "LIMIT 1");
  if (!row.next()) return std::nullopt;
  return Closed{static_cast<std::uint64_t>(row.integer(0)), {row.text(1), row.text(2)}};
}

void RunStore::mark_not_private() {
  if (meta("privacy") == kUnbounded) return;
  Transaction transaction(database_);
  set_meta("privacy", kUnbounded);
  transaction.commit();
}

std::map<std::string, std::string> RunStore::stamps() const {
  std::map<std::string, std::string> stamps = stamps_;
  stamps["collegium.run"] = info_.run;
  if (const std::string privacy = meta("privacy"); !privacy.empty())
    stamps["collegium.privacy"] = privacy;
  return stamps;
}

void RunStore::stamp(const std::map<std::string, std::string>& metadata) {
  for (const auto& [key, value] : metadata) stamps_[key] = value;
}

void RunStore::keep_network(std::span<const std::uint8_t> file) {
  const auto path = folder_ / kNetworkFile;
  if (!std::filesystem::exists(path)) write_file_atomically(path.string(), {file});
}

Checkpoint RunStore::write_checkpoint(std::uint64_t round, const Layout& layout,
                                      std::span<const float> model) {
  Checkpoint checkpoint{checkpoint_name(round), hash_of(model)};
  auto stamps = this->stamps();
  stamps["collegium.round"] = std::to_string(round);
  save_safetensors(folder_ / checkpoint.file, layout, model, stamps);
  return checkpoint;
}

std::vector<float> RunStore::load_checkpoint(const Checkpoint& model, const Layout& layout) const {
  StoredModel stored = load_safetensors(folder_ / model.file);
  const bool fits = stored.layout == layout;
  if (fits && hash_of(stored.values) == model.hash) return std::move(stored.values);
  throw SystemError(
      Problem{.what = "this is not the model that the run recorded",
              .where = (folder_ / model.file).string(),
              .expected = fits ? "hash " + model.hash : "layout " + layout.hash(),
              .found = fits ? "hash " + hash_of(stored.values) : "layout " + stored.layout.hash(),
              .remedy = "put back the file; the run cannot go on from another model"});
}

void RunStore::write_round(const RoundRow& round, std::string_view state,
                           std::span<const ContributionRow> contributions,
                           std::span<const MetricRow> metrics,
                           const std::function<void()>& within) {
  Transaction transaction(database_);
  database_
      .prepare(
          "INSERT OR REPLACE INTO round(number, state, attempts, opened, closed, seconds, model, "
          "model_hash, "
          "bytes_in, bytes_out, reason) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind_all(round.number, state, round.attempts, timestamp(round.opened),
                timestamp(round.closed), round.seconds, round.model.file, round.model.hash,
                round.bytes_in, round.bytes_out, round.reason)
      .run();
  database_.prepare("DELETE FROM contribution WHERE round = ?").bind(round.number).run();
  for (const ContributionRow& row : contributions) {
    std::optional<std::int64_t> seq;
    std::optional<std::string> head;
    if (row.ledger) {
      seq = row.ledger->seq;
      head = to_hex(row.ledger->head);
    }
    database_
        .prepare(
            "INSERT INTO contribution(round, site, state, reason, weight, steps, loss, seconds, "
            "bytes, update_hash, epsilon, lifetime, delta, ledger_seq, ledger_head, code, note) "
            "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind_all(round.number, row.site, row.state, row.reason, row.weight, row.steps, row.loss,
                  row.seconds, row.bytes, row.update_hash, row.epsilon, row.lifetime, row.delta,
                  seq, head, row.code, row.note)
        .run();
  }
  for (const MetricRow& metric : metrics) write_metric(database_, metric);
  if (state == "closed") {
    database_
        .prepare(
            "UPDATE release SET state = 'released', model_hash = ? WHERE round = ? AND state = "
            "'reserved'")
        .bind_all(round.model.hash, round.number)
        .run();
  }
  if (within) within();
  transaction.commit();
}

std::vector<ReleaseRow> RunStore::releases() const {
  Statement row = database_.prepare(
      "SELECT round, event, epsilon, delta, state, model_hash FROM release ORDER BY round");
  std::vector<ReleaseRow> rows;
  while (row.next()) {
    rows.push_back({.round = static_cast<std::uint64_t>(row.integer(0)),
                    .event = event_from_json(row.text(1)).value(),
                    .epsilon = row.number(2),
                    .delta = row.number(3),
                    .released = row.text(4) == "released",
                    .model_hash = row.text(5)});
  }
  return rows;
}

ReleaseRow RunStore::charge(std::uint64_t round, const PrivacyEvent& event, double delta) {
  const std::string json = event_to_json(event);
  Transaction transaction(database_);
  std::vector<PrivacyEvent> charged;
  for (ReleaseRow& known : releases()) {
    if (known.round == round) {
      if (event_to_json(known.event) == json && known.delta == delta) return known;
      throw ConfigError(Problem{.what = "this round was charged before, for something else",
                                .where = folder_.string() + ", round " + std::to_string(round),
                                .expected = event_to_json(known.event),
                                .found = json});
    }
    charged.push_back(known.event);
  }
  charged.push_back(event);
  const ReleaseRow row{
      .round = round, .event = event, .epsilon = epsilon(charged, delta), .delta = delta};
  database_
      .prepare(
          "INSERT INTO release(round, event, epsilon, delta, state, model_hash, at) VALUES(?, ?, "
          "?, ?, 'reserved', '', ?)")
      .bind_all(round, json, row.epsilon, delta, now())
      .run();
  transaction.commit();
  return row;
}

void RunStore::close_round(const RoundRow& round, std::span<const ContributionRow> contributions,
                           std::span<const MetricRow> metrics,
                           const std::function<void()>& within) {
  if (round.model.file.empty() || !std::filesystem::exists(folder_ / round.model.file)) {
    throw SystemError(Problem{
        .what = "round " + std::to_string(round.number) + " cannot be closed without its model",
        .where = (folder_ / round.model.file).string(),
        .remedy = "write the checkpoint first"});
  }
  write_round(round, "closed", contributions, metrics, within);
}

void RunStore::abandon_round(const RoundRow& round, std::span<const ContributionRow> contributions,
                             std::span<const MetricRow> metrics,
                             const std::function<void()>& within) {
  write_round(round, "abandoned", contributions, metrics, within);
}

void RunStore::record_metrics(std::span<const MetricRow> metrics) {
  Transaction transaction(database_);
  for (const MetricRow& metric : metrics) write_metric(database_, metric);
  transaction.commit();
}

std::vector<ContributionRow> RunStore::contributions(std::uint64_t round) const {
  Statement row = database_.prepare(
      "SELECT site, state, code, reason, weight, steps, loss, seconds, bytes, update_hash, "
      "epsilon, lifetime, delta, ledger_seq, ledger_head, note FROM contribution WHERE round = ? "
      "ORDER BY rowid");
  row.bind(round);
  std::vector<ContributionRow> rows;
  while (row.next()) {
    rows.push_back({.site = row.text(0),
                    .state = row.text(1),
                    .code = row.text(2),
                    .reason = row.text(3),
                    .weight = row.number(4),
                    .steps = row.integer(5),
                    .loss = row.number_if_any(6),
                    .seconds = row.number(7),
                    .bytes = row.integer(8),
                    .update_hash = row.text(9),
                    .epsilon = row.number_if_any(10),
                    .lifetime = row.number_if_any(11),
                    .delta = row.number_if_any(12),
                    .ledger = position_of(row, 13),
                    .note = row.text(15)});
  }
  return rows;
}

std::map<std::string, LedgerPosition> RunStore::ledgers() const {
  std::map<std::string, LedgerPosition> latest;
  Statement row = database_.prepare(
      "SELECT site, ledger_seq, ledger_head FROM contribution WHERE ledger_seq IS NOT NULL "
      "ORDER BY ledger_seq");
  while (row.next())
    if (const auto position = position_of(row, 1)) latest[row.text(0)] = *position;
  return latest;
}

void RunStore::record_site(const std::string& name, const std::string& public_key,
                           const std::string& state, const std::string& software) {
  const std::string at = now();
  database_
      .prepare(
          "INSERT INTO site(name, public_key, state, first_seen, last_seen, software) VALUES(?, ?, "
          "?, ?, ?, ?) "
          "ON CONFLICT(name) DO UPDATE SET public_key = excluded.public_key, state = "
          "excluded.state, "
          "last_seen = excluded.last_seen, software = excluded.software")
      .bind_all(name, public_key, state, at, at, software)
      .run();
}

void RunStore::event(std::string_view level, std::string_view site, std::string_view text) {
  database_.prepare("INSERT INTO event(at, level, site, text) VALUES(?, ?, ?, ?)")
      .bind_all(now(), level, site, text)
      .run();
}

void RunStore::record_sites(std::span<const SiteRow> sites) {
  Transaction transaction(database_);
  for (const SiteRow& site : sites)
    record_site(site.name, site.public_key, site.state, site.software);
  transaction.commit();
}

void RunStore::events(std::span<const EventRow> events) {
  Transaction transaction(database_);
  for (const EventRow& event : events) {
    database_.prepare("INSERT INTO event(at, level, site, text) VALUES(?, ?, ?, ?)")
        .bind(timestamp(event.at))
        .bind(event.level)
        .bind(event.site)
        .bind(event.text)
        .run();
  }
  transaction.commit();
}

void RunStore::finish(std::string_view state, std::string_view reason, const Layout& layout,
                      std::span<const float> model) {
  if (!model.empty()) {
    save_safetensors(folder_ / kFinalModel, layout, model, stamps());
  }
  Transaction transaction(database_);
  set_meta("state", state);
  set_meta("reason", reason);
  transaction.commit();
}

void RunStore::reopen() {
  Transaction transaction(database_);
  set_meta("state", "running");
  set_meta("reason", "");
  transaction.commit();
}

void RunStore::prune_checkpoints(std::int64_t keep) {
  std::vector<std::pair<std::int64_t, std::string>> old;
  Statement rows = database_.prepare(
      "SELECT number, model FROM round WHERE state = 'closed' AND model <> '' ORDER BY number DESC "
      "LIMIT -1 OFFSET ?");
  rows.bind(std::max<std::int64_t>(keep, 1));  // the newest one is what a restart needs
  while (rows.next()) old.emplace_back(rows.integer(0), rows.text(1));
  for (const auto& [number, file] : old) {
    std::error_code error;
    std::filesystem::remove(folder_ / file, error);
    if (error) throw_system_error("cannot delete", (folder_ / file).string(), error.value());
    database_.prepare("UPDATE round SET model = '' WHERE number = ?").bind(number).run();
  }
}

}  // namespace collegium
