#pragma once
#include <cstdint>
#include <string>

#include "base/hash.h"

namespace collegium {

// What the chain protects of one charge: everything but its state and output hash, which the
// triggers guard.
struct ChainedRow {
  std::int64_t seq = 0;
  std::string dataset, run;
  std::int64_t round = 0;
  std::string purpose;
  std::int64_t attempt = 0;
  std::string event;
  double epsilon_after = 0;
  std::string at;
};

// BLAKE2b-256 over the previous row's 32 bytes and the fields, in the order above, joined by
// newlines; the epsilon as the hex of its eight little-endian bytes. No field holds a newline, so
// that every text stands for one row.
Digest row_hash(const Digest& previous, const ChainedRow& row);

}  // namespace collegium
