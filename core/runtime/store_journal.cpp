#include "runtime/store_journal.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace collegium {
namespace {

constexpr auto kFlushAfter = std::chrono::seconds(1);

std::chrono::system_clock::time_point time_of(double seconds) {
  return std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(
          std::chrono::duration<double>(seconds)));
}

std::vector<MetricRow> rows_of(const std::string& site, std::uint64_t round,
                               const std::vector<Metric>& metrics) {
  std::vector<MetricRow> rows;
  for (const Metric& metric : metrics)
    rows.push_back({.round = round,
                    .site = site,
                    .name = metric.name,
                    .value = metric.value,
                    .count = metric.count});
  return rows;
}

// The contributions one by one, then the round.
std::vector<Record> records_of(const std::string& run, const RoundRecord& round) {
  std::vector<Record> records;
  const std::string number = std::to_string(round.round);
  const std::string attempt = std::to_string(round.attempt);
  for (const Contribution& one : round.contributions) {
    Record record{"contribution",
                  {{"run", run},
                   {"round", number},
                   {"attempt", attempt},
                   {"site", one.site},
                   {"state", std::string(name_of(one.state))},
                   {"code", one.code},
                   {"reason", one.reason},
                   {"update", one.update ? to_hex(one.update->digest) : ""}}};
    const auto add = [&](const char* name, const std::optional<Signed>& statement) {
      if (!statement) return;
      record.fields[name] = statement->text;
      record.fields[std::string(name) + "_signature"] = to_hex(statement->signature);
    };
    add("claim", one.claim);
    add("receipt", one.receipt);
    records.push_back(std::move(record));
  }
  records.push_back({"round",
                     {{"run", run},
                      {"round", number},
                      {"attempt", attempt},
                      {"state", round.closed ? "closed" : "abandoned"},
                      {"reason", round.reason},
                      {"before", to_hex(round.before)},
                      {"after", round.closed ? to_hex(round.after) : ""}}});
  return records;
}

bool promises_nothing(const ContributionRow& row) {
  return row.state == "accepted" && row.epsilon && std::isinf(*row.epsilon);
}

}  // namespace

ContributionRow row_of(const Contribution& contribution) {
  return {.site = contribution.site,
          .state = std::string(name_of(contribution.state)),
          .code = contribution.code,
          .reason = contribution.reason,
          .weight = contribution.weight,
          .steps = contribution.steps,
          .loss = contribution.loss,
          .seconds = contribution.seconds,
          .bytes = static_cast<std::int64_t>(contribution.bytes),
          .update_hash = contribution.update ? to_hex(contribution.update->digest) : std::string(),
          .epsilon = contribution.epsilon,
          .lifetime = contribution.lifetime,
          .delta = contribution.delta,
          .ledger = contribution.ledger,
          .note = contribution.note};
}

Contribution contribution_of(const ContributionRow& row) {
  Contribution contribution{.site = row.site,
                            .code = row.code,
                            .reason = row.reason,
                            .weight = row.weight,
                            .steps = row.steps,
                            .loss = row.loss,
                            .note = row.note,
                            .seconds = row.seconds,
                            .bytes = static_cast<std::uint64_t>(row.bytes),
                            .epsilon = row.epsilon,
                            .lifetime = row.lifetime,
                            .delta = row.delta,
                            .ledger = row.ledger};
  for (auto state : {Contribution::State::accepted, Contribution::State::rejected,
                     Contribution::State::missing, Contribution::State::failed})
    if (name_of(state) == row.state) contribution.state = state;
  if (Digest digest; from_hex(row.update_hash, digest))
    contribution.update = BlobId{.digest = digest, .size = contribution.bytes};
  return contribution;
}

StoreJournal::StoreJournal(RunStore& store, Layout layout, std::int64_t keep_checkpoints,
                           RunEvents events, std::string author, SigningKey signing, Roster roster)
    : store_(store),
      layout_(std::move(layout)),
      keep_checkpoints_(keep_checkpoints),
      events_(std::move(events)),
      log_(store.database(), std::move(author), std::move(signing)),
      roster_(std::move(roster)) {
  if (events_.on_begin) events_.on_begin();
}

StoreJournal::~StoreJournal() {
  try {
    flush();
  } catch (const std::exception&) {  // lines of a log, at the end of a process whose disk is full
  }
}

void StoreJournal::round(const RoundRecord& record, std::span<const float> model) {
  std::vector<ContributionRow> contributions;
  std::vector<MetricRow> metrics;
  for (const Contribution& contribution : record.contributions) {
    contributions.push_back(row_of(contribution));
    // They describe the model that this round handed out: the one that the round before left.
    for (MetricRow& row : rows_of(contribution.site, record.round - 1, contribution.metrics))
      metrics.push_back(std::move(row));
  }
  RoundRow row{.number = record.round,
               .attempts = static_cast<std::int64_t>(record.attempt),
               .opened = time_of(record.opened),
               .closed = time_of(record.ended),
               .seconds = record.ended - record.opened,
               .bytes_in = static_cast<std::int64_t>(record.bytes_in),
               .bytes_out = static_cast<std::int64_t>(record.bytes_out),
               .reason = record.reason};
  {
    const std::lock_guard lock(mutex_);
    const auto recorded = [&] { log_.append_within(records_of(store_.info().run, record)); };
    if (std::any_of(contributions.begin(), contributions.end(), promises_nothing))
      store_.mark_not_private();
    if (record.closed) {
      row.model = store_.write_checkpoint(record.round, layout_, model);
      store_.close_round(row, contributions, metrics, recorded);
      store_.prune_checkpoints(keep_checkpoints_);
    } else {
      store_.abandon_round(row, contributions, metrics, recorded);
    }
  }
  if (events_.on_round) events_.on_round(record);
}

std::optional<LedgerPosition> StoreJournal::recorded() {
  const std::lock_guard lock(mutex_);
  return log_.position();
}

void StoreJournal::record(const Record& record) {
  const std::lock_guard lock(mutex_);
  log_.append(record);
}

void StoreJournal::charge(std::uint64_t round, const PrivacyEvent& event, double delta) {
  const std::lock_guard lock(mutex_);
  if (std::isinf(store_.charge(round, event, delta).epsilon)) store_.mark_not_private();
}

void StoreJournal::metrics(const std::string& site, std::uint64_t round,
                           const std::vector<Metric>& metrics) {
  {
    const std::lock_guard lock(mutex_);
    store_.record_metrics(rows_of(site, round, metrics));
  }
  if (events_.on_metrics) events_.on_metrics(round, site, metrics);
}

void StoreJournal::log(const LogEvent& event) {
  {
    const std::lock_guard lock(mutex_);
    lines_.push_back({.at = std::chrono::system_clock::now(),
                      .level = std::string(name_of(event.level)),
                      .site = event.site,
                      .text = event.text});
    const bool urgent = event.level != LogEvent::Level::info;
    if (urgent || std::chrono::steady_clock::now() - flushed_ >= kFlushAfter) flush();
  }
  if (events_.on_log) events_.on_log(event);
}

void StoreJournal::finish(Outcome outcome, const std::string& reason,
                          std::span<const float> model) {
  const std::lock_guard lock(mutex_);
  flush();
  log_.append({"ended",
               {{"run", store_.info().run},
                {"outcome", std::string(name_of(outcome))},
                {"reason", reason}}});
  store_.finish(name_of(outcome), reason, layout_, model);
}

void StoreJournal::sites(const std::vector<SiteView>& sites) {
  std::vector<SiteRow> rows;
  for (const SiteView& site : sites) {
    const PublicKey* known = roster_.find(site.name);
    rows.push_back({.name = site.name,
                    .public_key = known ? known->key : std::string(),
                    .state = std::string(name_of(site.state)),
                    .software = site.software});
  }
  const std::lock_guard lock(mutex_);
  store_.record_sites(rows);
}

void StoreJournal::flush() {
  flushed_ = std::chrono::steady_clock::now();
  if (!lines_.empty()) store_.events(std::exchange(lines_, {}));
}

}  // namespace collegium
