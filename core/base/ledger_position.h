#pragma once
#include <cstdint>

#include "base/hash.h"

namespace collegium {

// A charge of a privacy ledger, or an entry of a signed log, and all before it, in 40 bytes:
// whoever keeps it can tell later whether the chain still contains it.
struct LedgerPosition {
  std::int64_t seq = 0;  // of the row; 0: an empty chain
  Digest head{};         // hash of its row, and so of the whole chain up to it
  bool operator==(const LedgerPosition&) const = default;
};

}  // namespace collegium
