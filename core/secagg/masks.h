#pragma once
#include <array>
#include <cstdint>
#include <span>

namespace collegium::secagg {

using MaskKey = std::array<std::uint8_t, 32>;

// One mask: the words of the ChaCha20 stream (RFC 8439, nonce 0, from block 0) of a key that serves
// once, little-endian, added to the values or taken from them.
struct Mask {
  MaskKey key{};
  bool negative = false;
};

// Adds all masks to the values modulo 2^32 or 2^64. `first` is the place of values[0] in the whole
// vector, a multiple of 16. A few pages of the streams exist at a time.
void add_masks(std::span<std::uint32_t> values, std::span<const Mask> masks,
               std::uint64_t first = 0);
void add_masks(std::span<std::uint64_t> values, std::span<const Mask> masks,
               std::uint64_t first = 0);

}  // namespace collegium::secagg
