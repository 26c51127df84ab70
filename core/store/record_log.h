#pragma once
#include <optional>
#include <span>
#include <string>

#include "base/ledger_position.h"
#include "base/record.h"
#include "base/signature.h"
#include "store/database.h"
#include "store/timestamp.h"

namespace collegium {

// What a process did and saw, in the table `record` of its database: append-only, each row chained
// to the one before by its hash, each hash signed by the process's identity (Ed25519). Whoever
// lacks the key cannot change it unseen; whoever has it cannot change what the other side has
// countersigned or the part before a head that the other side was told. `collegium audit verify`
// reads it, in Python and apart from this code.
//
// row_hash = chained(prev_hash, seq \n at \n author \n key \n kind \n fields), fields being JSON
// with sorted keys; what is signed is kRecordLabel and the hash in hex.
class RecordLog {
 public:
  // `database` outlives it. Makes the table when it is missing.
  RecordLog(Database& database, std::string author, SigningKey key,
            WallClock clock = std::chrono::system_clock::now);

  void append(const Record& record);       // durable when it returns
  void append_once(const Record& record);  // not when it stands there already, to the letter
  // Inside a transaction of the caller's.
  void append_within(std::span<const Record> records);

  LedgerPosition position() const;  // of the last row

 private:
  Database& database_;
  std::string author_;
  SigningKey key_;
  WallClock clock_;
};

inline constexpr const char* kRecordLabel = "collegium/record/v1\n";

}  // namespace collegium
