#include "secagg/masks.h"

#include <sodium.h>

#include <algorithm>
#include <bit>
#include <vector>

#include "base/keystream.h"

namespace collegium::secagg {
namespace {

// The streams are read as they lie in memory.
static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kPiece = 16 * 1024;  // bytes: stream and values stay in the cache

template <class Word>
void add(std::span<Word> values, std::span<const Mask> masks, std::uint64_t first) {
  std::vector<Keystream> streams;
  streams.reserve(masks.size());
  for (const Mask& mask : masks) streams.emplace_back(mask.key, Keystream::Nonce{});
  constexpr std::size_t kWords = kPiece / sizeof(Word);
  alignas(64) std::array<Word, kWords> stream;
  for (std::size_t at = 0; at < values.size(); at += kWords) {
    const auto piece = values.subspan(at, std::min(kWords, values.size() - at));
    const auto block =
        static_cast<std::uint32_t>((first + at) * sizeof(Word) / Keystream::kBlockBytes);
    for (std::size_t mask = 0; mask < masks.size(); ++mask) {
      streams[mask].write(block,
                          {reinterpret_cast<std::uint8_t*>(stream.data()), piece.size_bytes()});
      if (masks[mask].negative) {
        for (std::size_t i = 0; i < piece.size(); ++i) piece[i] -= stream[i];
      } else {
        for (std::size_t i = 0; i < piece.size(); ++i) piece[i] += stream[i];
      }
    }
  }
  sodium_memzero(stream.data(), sizeof(stream));
}

}  // namespace

void add_masks(std::span<std::uint32_t> values, std::span<const Mask> masks, std::uint64_t first) {
  add(values, masks, first);
}

void add_masks(std::span<std::uint64_t> values, std::span<const Mask> masks, std::uint64_t first) {
  add(values, masks, first);
}

}  // namespace collegium::secagg
