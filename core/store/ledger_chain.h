#pragma once
#include <cstdint>
#include <string>

#include "base/ledger_position.h"
#include "store/database.h"

namespace collegium {

// What the chain protects of one charge: everything but its state and output hash, which the
// triggers guard.
struct ChainedRow {
  std::int64_t seq = 0;
  std::string dataset = {}, run = {};
  std::string kind = {};
  std::int64_t round = 0;
  std::string purpose = {};
  std::int64_t attempt = 0;
  std::string events = {};
  double filter_order = 0;
  double epsilon_after = 0;
  std::string at = {};
};

// BLAKE2b-256 over the previous row's 32 bytes and the fields, in the order above, joined by
// newlines; the two numbers as the hex of their eight little-endian bytes. No field holds a
// newline, so that every text stands for one row.
Digest row_hash(const Digest& previous, const ChainedRow& row);

// The end of the chain, after every row was checked. Throws SystemError at the first row that does
// not follow from the one before.
struct ChainEnd {
  LedgerPosition position = {};
  std::string at = {};  // of the last charge
};
ChainEnd verify_chain(const Database& database);

// Whether the chain contains the row that `position` names.
bool contains(const Database& database, const LedgerPosition& position);

// A database that must not be written to any more, with the remedy.
[[noreturn]] void refuse_ledger(std::string where, std::string what, std::string expected,
                                std::string found);

}  // namespace collegium
