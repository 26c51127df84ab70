#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "base/ledger_position.h"
#include "store/database.h"

namespace collegium {

// FOLDER/ledger.head: the number and the hash of the last charge, and which file site.db is.
inline constexpr const char* kHeadFile = "ledger.head";
struct LedgerHead {
  LedgerPosition position = {};
  std::string identity = {};
};

void write_head(const std::filesystem::path& folder, const LedgerHead& head);
// Empty: there is no such file. Throws SystemError when it is damaged.
std::optional<LedgerHead> read_head(const std::filesystem::path& folder);
// Of a ledger with charges: throws SystemError without one.
LedgerHead require_head(const std::filesystem::path& folder, const std::optional<LedgerHead>& head);

// Throws SystemError unless the chain, which ends at `end`, contains what `witness` knows of it.
void require_position(const Database& database, const LedgerPosition& end,
                      const LedgerPosition& known, const std::string& witness);

}  // namespace collegium
