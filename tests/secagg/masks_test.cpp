#include "secagg/masks.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "vector/chacha20.h"

namespace collegium::secagg {
namespace {

// By the other implementation of the cipher in the product.
std::vector<std::uint32_t> stream_of(const MaskKey& key, std::size_t words) {
  NoiseWords from{};
  std::memcpy(from.key, key.data(), key.size());
  std::vector<std::uint32_t> stream((words + 15) / 16 * 16);
  for (std::size_t block = 0; 16 * block < words; ++block)
    chacha20_block(from, static_cast<std::uint32_t>(block), &stream[16 * block]);
  stream.resize(words);
  return stream;
}

MaskKey key_of(std::uint8_t byte) {
  MaskKey key;
  key.fill(byte);
  return key;
}

TEST(Masks, AreTheWordsOfTheirStreams) {
  const std::vector<Mask> masks{{key_of(1)}, {key_of(2), true}, {key_of(3)}};
  for (const std::size_t size : {1u, 15u, 16u, 4095u, 4096u, 4097u, 12345u}) {
    std::vector<std::uint32_t> values(size, 77);
    add_masks(values, masks);
    const auto one = stream_of(key_of(1), size), two = stream_of(key_of(2), size),
               three = stream_of(key_of(3), size);
    for (std::size_t i = 0; i < size; ++i)
      ASSERT_EQ(values[i], 77 + one[i] - two[i] + three[i]) << i << " of " << size;
  }
}

TEST(Masks, OfPiecesAreThoseOfTheWhole) {
  const std::vector<Mask> masks{{key_of(9)}, {key_of(8), true}};
  std::vector<std::uint64_t> whole(10000, 5), pieces(10000, 5);
  add_masks(whole, masks);
  const std::span<std::uint64_t> all(pieces);
  add_masks(all.first(4000), masks, 0);
  add_masks(all.subspan(4000, 16), masks, 4000);
  add_masks(all.subspan(4016), masks, 4016);
  EXPECT_EQ(whole, pieces);
}

TEST(Masks, CancelWithTheirNegatives) {
  std::mt19937 engine(4);
  std::vector<std::uint32_t> values(5000);
  for (auto& value : values) value = static_cast<std::uint32_t>(engine());
  const auto before = values;
  add_masks(values, std::vector<Mask>{{key_of(1)}});
  EXPECT_NE(values, before);
  add_masks(values, std::vector<Mask>{{key_of(1), true}});
  EXPECT_EQ(values, before);
}

}  // namespace
}  // namespace collegium::secagg
