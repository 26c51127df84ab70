#pragma once
#include <optional>
#include <string>
#include <vector>

#include "store/database.h"
#include "store/ledger.h"
#include "store/ledger_rule.h"

// What a ledger's tables say, for those who write and those who only read. The chain must have been
// verified.
namespace collegium {

std::string_view name_of(ChargeState state);
std::string_view name_of(ChargeKind kind);

ChargeKey schedule_key(const std::string& run);
std::optional<LedgerDataset> read_dataset(const Database& database, const std::string& id);
std::optional<LedgerRun> read_run(const Database& database, const std::string& id);
std::optional<Charge> read_charge(const Database& database, const ChargeKey& key);
std::vector<Charge> read_charges(const Database& database, const std::string& dataset);

// What was ever reserved for a data set, or of that for one run.
Spending read_spending(const Database& database, const std::string& dataset,
                       const std::optional<std::string>& run = std::nullopt);

}  // namespace collegium
