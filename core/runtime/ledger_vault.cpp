#include "runtime/ledger_vault.h"

#include <array>
#include <utility>

#include "base/hash.h"
#include "collegium/error.h"
#include "federation/bodies.h"

namespace collegium {
namespace {

// A charge each for what a round releases, in the order of its costs; all of them carry the hash of
// the stored bytes.
constexpr std::array<const char*, 3> kPurposes = {"train", "train-2", "train-3"};

ChargeKey key_of(const std::string& run, std::uint64_t round, const char* purpose,
                 std::uint64_t attempt) {
  return {.run = run,
          .round = round,
          .purpose = purpose,
          .attempt = static_cast<std::int64_t>(attempt)};
}

}  // namespace

LedgerVault::LedgerVault(const std::filesystem::path& folder, std::string dataset,
                         std::optional<BudgetConfig> budget, std::int64_t n_public)
    : ledger_(folder),
      outbox_(folder / "outbox"),
      dataset_(std::move(dataset)),
      budget_(std::move(budget)),
      n_public_(n_public) {}

void LedgerVault::begin(const at_site::Prepare& run) {
  if (run.privacy.keys().empty() && run.mechanism.keys().empty()) return;
  LedgerDataset dataset{.id = dataset_, .n_public = n_public_};
  if (budget_) {
    dataset.unit = budget_->unit;
    dataset.delta = budget_->delta;
    dataset.budget = budget_->epsilon;
  } else {
    dataset.unit = run.privacy.text("unit", dataset.unit);
    dataset.delta = run.privacy.number("delta", dataset.delta);
  }
  ledger_.add_dataset(dataset);
  Settings schedule;
  schedule.set("training", run.training);
  schedule.set("privacy", run.privacy);
  schedule.set("mechanism", run.mechanism);
  const std::string text = schedule.to_toml();
  ledger_.add_run({.id = run.run,
                   .dataset = dataset_,
                   .config_hash = to_hex(hash_text(text)),
                   .schedule = text});
}

SiteWork::Spent LedgerVault::reserve(const TrainTask& task, std::uint64_t attempt,
                                     std::span<const PrivacyEvent> cost) {
  SiteWork::Spent spent{.epsilon = ledger_.spent(dataset_)};
  if (const auto dataset = ledger_.dataset(dataset_)) spent.delta = dataset->delta;
  for (std::size_t i = 0; i < cost.size(); ++i) {
    const Charge charge =
        ledger_.reserve(key_of(task.run, task.round, kPurposes.at(i), attempt), cost[i]);
    if (charge.state != ChargeState::reserved)
      throw SystemError(
          {.what = "round " + std::to_string(task.round) + " was paid for and released before",
           .where = "data set " + dataset_,
           .expected = "its stored result in the outbox, to be sent again",
           .remedy =
               "a second draw under one charge would reveal differences: put back the outbox"});
    spent.epsilon = charge.epsilon_after;
  }
  return spent;
}

void LedgerVault::persist(const StoredResult& result, bool charged) {
  const std::string run = run_text(result.run);
  const Digest hash =
      outbox_.persist(run, result.round, result.body.to_toml(), result.update->bytes.view);
  if (charged)
    for (const char* purpose : kPurposes)
      if (const ChargeKey key = key_of(run, result.round, purpose, result.attempt);
          ledger_.find(key))
        ledger_.release(key, hash);
  outbox_.drop_before(run, result.round);
}

std::optional<StoredResult> LedgerVault::stored() const {
  const std::vector<Charge> charges = ledger_.charges(dataset_);
  for (auto charge = charges.rbegin(); charge != charges.rend(); ++charge) {
    if (charge->state != ChargeState::released) continue;
    Digest hash;
    if (!from_hex(charge->output_hash, hash)) continue;
    auto parcel = outbox_.load(charge->key.run, charge->key.round, hash);
    if (!parcel) return std::nullopt;  // accepted since, or the newest of another run
    StoredResult result{.run = run_id_of(charge->key.run),
                        .round = charge->key.round,
                        .attempt = static_cast<std::uint64_t>(charge->key.attempt),
                        .body = Settings::parse(parcel->body, "the outbox")};
    result.model = ResultBody::read(result.body).model;
    result.update = std::make_shared<const Blob>(Blob::of(Bytes::owning(std::move(parcel->bytes))));
    return result;
  }
  return std::nullopt;
}

}  // namespace collegium
