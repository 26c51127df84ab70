#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "store/ledger.h"

namespace collegium {

// One run as its data set's ledger tells it.
struct RunBalance {
  LedgerRun run = {};
  std::string created = {};
  std::vector<PrivacyEvent> schedule = {};
  double epsilon = 0;         // of this run alone
  std::int64_t drawn = 0;     // rounds on the schedule, each counted once
  std::int64_t extra = 0;     // charges beyond it
  std::int64_t released = 0;  // of both
};

struct DatasetBalance {
  LedgerDataset dataset = {};
  double spent = 0;
  // How many rounds like those of the last run that cost anything the budget would still take;
  // kManyRounds and more are not counted. Empty: there is no budget, or no such run.
  std::optional<std::int64_t> rounds_left = {};
  std::vector<RunBalance> runs = {};  // in the order they began
};
inline constexpr std::int64_t kManyRounds = 1'000'000;

struct Balance {
  LedgerPosition position = {};
  bool copied = false;  // the database is not the file that the site wrote last: a copy to look at
  std::vector<DatasetBalance> datasets = {};
};

// What is spent and left in FOLDER/site.db. Only reads, at one moment, also while a site writes.
// Verifies the chain and the head file as opening the ledger does; a copy may be looked at. Throws
// SystemError.
Balance read_balance(const std::filesystem::path& folder, const Accounting& accounting = {});

}  // namespace collegium
