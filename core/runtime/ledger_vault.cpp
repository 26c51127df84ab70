#include "runtime/ledger_vault.h"

#include <utility>

#include "base/file.h"
#include "base/hash.h"
#include "collegium/error.h"
#include "federation/bodies.h"

namespace collegium {
namespace {

ChargeKey key_of(const std::string& run, std::uint64_t round, std::uint64_t attempt) {
  return {.run = run, .round = round, .attempt = static_cast<std::int64_t>(attempt)};
}

}  // namespace

LedgerVault::LedgerVault(const std::filesystem::path& folder, Options options)
    : sums_(folder / "sums"),
      ledger_(folder),
      outbox_(folder / "outbox"),
      options_(std::move(options)) {
  check_outbox();
  if (options_.signing) log_.emplace(ledger_.database(), options_.site, *options_.signing);
}

// Every stored result says where the ledger stood when it was charged.
void LedgerVault::check_outbox() const {
  for (const Outbox::Entry& entry : outbox_.entries()) {
    const std::optional<std::string> text = outbox_.body(entry.run, entry.round);
    if (!text) continue;  // damaged: load() says so, when it is needed
    const ResultBody body = ResultBody::read(Settings::parse(*text, "the outbox"));
    if (body.ledger) ledger_.require(*body.ledger, "the outbox");
  }
}

void LedgerVault::begin(const at_site::Prepare& run, std::span<const PrivacyEvent> schedule) {
  if (run.ledger) ledger_.require(*run.ledger, "the coordinator");
  if (run.privacy.keys().empty() && run.mechanism.keys().empty()) return;
  LedgerDataset dataset{.id = options_.dataset};
  if (const auto& budget = options_.budget) {
    dataset.unit = budget->unit;
    dataset.delta = budget->delta;
    dataset.budget = budget->epsilon;
  } else if (const auto known = ledger_.dataset(dataset.id)) {
    dataset = *known;
    dataset.unit = run.privacy.text("unit", dataset.unit);  // another one is refused
  } else {
    dataset.unit = run.privacy.text("unit", dataset.unit);
    dataset.delta = run.privacy.number("delta", dataset.delta);
  }
  dataset.n_public = options_.n_public;
  ledger_.add_dataset(dataset);
  Settings tables;
  tables.set("network", run.network);
  tables.set("training", run.training);
  tables.set("privacy", run.privacy);
  tables.set("mechanism", run.mechanism);
  const std::string text = tables.to_toml();
  ledger_.begin_run({.id = run.run,
                     .dataset = dataset.id,
                     .rounds = static_cast<std::int64_t>(run.rounds),
                     .simulation = options_.simulation,
                     .config_hash = to_hex(hash_text(text)),
                     .config = text},
                    schedule);
}

SiteWork::Spent LedgerVault::reserve(const TrainTask& task, std::uint64_t attempt,
                                     std::span<const PrivacyEvent> cost) {
  const Charge charge = ledger_.reserve(key_of(task.run, task.round, attempt), cost);
  if (charge.state != ChargeState::reserved)
    throw SystemError(
        {.what = "round " + std::to_string(task.round) + " was paid for and released before",
         .where = "data set " + options_.dataset,
         .expected = "its stored result in the outbox, to be sent again",
         .remedy = "a second draw under one charge would reveal differences: put back the outbox"});
  return spent(task.run);
}

SiteWork::Spent LedgerVault::spent(const std::string& run) {
  return {.epsilon = ledger_.spent_by_run(run),
          .delta = ledger_.dataset(options_.dataset).value().delta,
          .lifetime = ledger_.spent(options_.dataset),
          .ledger = ledger_.position()};
}

// Whatever was drawn before a restart is released; what was only reserved then never left.
SiteWork::Spent LedgerVault::reserve_draw(const TrainTask& task,
                                          std::span<const PrivacyEvent> cost) {
  drawing_.reset();
  for (std::uint64_t attempt = 1; !drawing_; ++attempt) {
    const ChargeKey key = key_of(task.run, task.round, attempt);
    if (ledger_.reserve(key, cost).state == ChargeState::reserved) drawing_ = key;
  }
  return spent(task.run);
}

void LedgerVault::draw(const Digest& masked) {
  ledger_.release(drawing_.value(), masked);
  drawing_.reset();
}

void LedgerVault::persist(const StoredResult& result, bool charged) {
  const std::string run = run_text(result.run);
  const Digest hash =
      outbox_.persist(run, result.round, result.body.to_toml(), result.update->bytes.view);
  if (charged) ledger_.release(key_of(run, result.round, result.attempt), hash);
  outbox_.drop_before(run, result.round);
}

void LedgerVault::record(const Record& record) {
  if (log_) log_->append_once(record);
}

std::optional<LedgerPosition> LedgerVault::recorded() {
  return log_ ? std::optional(log_->position()) : std::nullopt;
}

// Rounds only go on: an earlier one is never opened once a later one was.
void LedgerVault::open_sum(const StoredResult& result, const Digest& sum) {
  make_folders(sums_.string());
  const std::string file = (sums_ / run_text(result.run)).string();
  if (std::filesystem::exists(file)) {
    const Settings known = Settings::load(file);
    const auto round = static_cast<std::uint64_t>(known.integer("round"));
    Digest opened{};
    from_hex(known.text("sum"), opened);
    if (result.round < round)
      throw ProtocolError({.what = "secure aggregation: a round that is over is to be opened again",
                           .expected = "round " + std::to_string(round) + " or a later one",
                           .found = "round " + std::to_string(result.round)});
    if (result.round == round) return refuse_second_sum(opened, sum, round);
  }
  Settings entry;
  entry.set("round", static_cast<std::int64_t>(result.round));
  entry.set("sum", to_hex(sum));
  write_file_atomically(file, entry.to_toml(), 0600);
}

std::optional<StoredResult> LedgerVault::stored() const {
  const std::vector<Charge> charges = ledger_.charges(options_.dataset);
  for (auto charge = charges.rbegin(); charge != charges.rend(); ++charge) {
    if (charge->state != ChargeState::released) continue;
    Digest hash;
    if (!from_hex(charge->output_hash, hash)) continue;
    auto parcel = outbox_.load(charge->key.run, charge->key.round, hash);
    if (!parcel) return std::nullopt;  // accepted since, or the newest of another run
    StoredResult result{.run = run_id_of(charge->key.run),
                        .round = charge->key.round,
                        .attempt = static_cast<std::uint64_t>(charge->key.attempt),
                        .body = Settings::parse(parcel->body, "the outbox"),
                        .update = {}};
    result.model = ResultBody::read(result.body).model;
    result.update = std::make_shared<const Blob>(Blob::of(Bytes::owning(std::move(parcel->bytes))));
    return result;
  }
  return std::nullopt;
}

}  // namespace collegium
