#include "simulation/disks.h"

#include "federation/bodies.h"
#include "simulation/processes.h"
#include "store/ledger.h"

namespace collegium::simulated {

std::optional<StoredResult> SiteDisk::start() {
  vault_ = std::make_unique<LedgerVault>(disk.folder(), LedgerVault::Options{.dataset = dataset_});
  return vault_->stored();
}

void SiteDisk::stop(bool power_lost, std::mt19937_64& random) {
  disk.kill();
  vault_.reset();
  disk.restart(power_lost, random);
}

PrivacyEvent SiteDisk::cost(std::int64_t count) {
  return {.kind = PrivacyEvent::Kind::pure, .count = count, .epsilon = 0.5};
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> SiteDisk::charges() const {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> keys;
  for (const Charge& charge : Ledger(disk.folder()).charges(dataset_))
    if (charge.kind != ChargeKind::schedule)
      keys.emplace_back(charge.key.round, static_cast<std::uint64_t>(charge.key.attempt));
  return keys;
}

CoordinatorDisk::CoordinatorDisk(const std::filesystem::path& folder) : disk(folder) {
  layout_.add("w", {kFloats});
}

CoordinatorResume CoordinatorDisk::start(const RunId& run, const SharedBlob& initial) {
  const auto folder = disk.folder() / "run";
  if (RunStore::begun(folder))
    store_.emplace(RunStore::open(folder));
  else
    store_.emplace(
        RunStore::create(folder, {run_text(run), "simulated", "", layout_.hash(), false}));
  journal_ = std::make_unique<StoreJournal>(*store_, layout_, 3, RunEvents{}, "coordinator",
                                            SigningKey::from_seed(SigningKey::Seed{1}));
  CoordinatorResume resume;
  resume.model = initial;
  resume.ledgers = store_->ledgers();
  if (const auto closed = store_->last_closed()) {
    resume.closed_round = closed->round;
    resume.model = blob_of(store_->load_checkpoint(closed->model, layout_));
    for (const ContributionRow& row : store_->contributions(closed->round))
      resume.last.push_back(contribution_of(row));
  }
  return resume;
}

void CoordinatorDisk::stop(bool power_lost, std::mt19937_64& random) {
  disk.kill();
  journal_.reset();
  store_.reset();
  disk.restart(power_lost, random);
}

std::set<std::uint64_t> CoordinatorDisk::charges() const {
  std::set<std::uint64_t> rounds;
  for (const ReleaseRow& row : store_->releases()) rounds.insert(row.round);
  return rounds;
}

}  // namespace collegium::simulated
