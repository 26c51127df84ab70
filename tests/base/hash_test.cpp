#include "base/hash.h"

#include <gtest/gtest.h>

#include <vector>

namespace collegium {
namespace {

// Independent implementation: Python's hashlib.blake2b(data, digest_size=32).
TEST(Hash, IsBlake2bWith32Bytes) {
  EXPECT_EQ(to_hex(hash_text("")),
            "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
  EXPECT_EQ(to_hex(hash_text("abc")),
            "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

TEST(Hash, OfPiecesIsTheHashOfTheWhole) {
  std::vector<std::uint8_t> bytes(100000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * i >> 3);
  Hasher hasher;
  for (std::size_t at = 0, step = 1; at < bytes.size(); at += step, step = step * 3 % 1009) {
    hasher.add(std::span<const std::uint8_t>(bytes).subspan(at, std::min(step, bytes.size() - at)));
  }
  EXPECT_EQ(hasher.finish(), hash_bytes(bytes));
}

TEST(Hash, KeepsTextsApart) {
  Hasher first, second;
  first.add(std::string_view("ab"));
  first.add(std::string_view("c"));
  second.add(std::string_view("a"));
  second.add(std::string_view("bc"));
  EXPECT_NE(first.finish(), second.finish());
}

TEST(Hash, ReadsBackItsHexAndNothingElse) {
  const Digest digest = hash_text("x");
  Digest back{};
  EXPECT_TRUE(from_hex(to_hex(digest), back));
  EXPECT_EQ(back, digest);
  const Digest before = back;
  EXPECT_FALSE(from_hex("", back));
  EXPECT_FALSE(from_hex(std::string(63, '0'), back));
  EXPECT_FALSE(from_hex(std::string(63, '0') + "g", back));
  EXPECT_EQ(back, before);
}

}  // namespace
}  // namespace collegium
