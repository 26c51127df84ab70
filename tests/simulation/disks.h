#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "collegium/layout.h"
#include "federation/coordinator.h"
#include "runtime/ledger_vault.h"
#include "runtime/store_journal.h"
#include "simulation/virtual_disk.h"

// The real ledger, outbox and run store of a simulated process, on a disk that can lose its power.
namespace collegium::simulated {

class SiteDisk {
 public:
  SiteDisk(const std::filesystem::path& folder, std::string dataset)
      : disk(folder), dataset_(std::move(dataset)) {}

  std::optional<StoredResult> start();  // of a process; what it must send again
  void stop(bool power_lost, std::mt19937_64& random);
  LedgerVault& vault() { return *vault_; }
  static PrivacyEvent cost(std::int64_t count = 1);
  // (round, attempt) of what was charged and lasts. For a process that does not run.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> charges() const;

  VirtualDisk disk;

 private:
  std::string dataset_;
  std::unique_ptr<LedgerVault> vault_;
};

class CoordinatorDisk {
 public:
  explicit CoordinatorDisk(const std::filesystem::path& folder);

  CoordinatorResume start(const RunId& run, const SharedBlob& initial);
  void stop(bool power_lost, std::mt19937_64& random);
  StoreJournal& journal() { return *journal_; }
  std::set<std::uint64_t> charges() const;  // rounds; of a process that runs

  VirtualDisk disk;

 private:
  Layout layout_;
  std::optional<RunStore> store_;
  std::unique_ptr<StoreJournal> journal_;
};

}  // namespace collegium::simulated
