#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace collegium {

// BLAKE2b with 32 bytes of output: blob chunks, layouts, configurations and ledger rows are named
// by it.
using Digest = std::array<std::uint8_t, 32>;

Digest hash_bytes(std::span<const std::uint8_t> bytes);
Digest hash_text(std::string_view text);
// Lower case. For digests, keys, signatures and ids alike.
std::string to_hex(std::span<const std::uint8_t> bytes);
// False: not two hex digits for each of `bytes`, which are then untouched.
bool from_hex(std::string_view hex, std::span<std::uint8_t> bytes);

// The same over pieces.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  void add(std::span<const std::uint8_t> bytes);
  void add(std::string_view text);  // length first, so that ("ab","c") and ("a","bc") differ
  void add(std::uint64_t number);   // little-endian
  Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace collegium
