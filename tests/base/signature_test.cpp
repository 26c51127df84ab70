#include "base/signature.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/hash.h"

namespace collegium {
namespace {

std::vector<std::uint8_t> bytes_of(const std::string& hex) {
  std::vector<std::uint8_t> bytes(hex.size() / 2);
  EXPECT_TRUE(from_hex(hex, bytes)) << hex;
  return bytes;
}

template <std::size_t size>
std::array<std::uint8_t, size> array_of(const std::string& hex) {
  std::array<std::uint8_t, size> bytes{};
  EXPECT_TRUE(from_hex(hex, bytes)) << hex;
  return bytes;
}

// RFC 8032, section 7.1: TEST 1, 2, 3 and SHA(abc).
struct Known {
  std::string seed, verify_key, message, signature;
};
const std::vector<Known> kKnown = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "46b"
     "d25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d8c"
     "387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "659"
     "4a7c15e9716ed28dc027beceea1ec40a"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3fee"
     "bbd"
     "454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e"
     "030"
     "3dca179c138ac17ad9bef1177331a704"},
};

TEST(Signature, GivesTheKnownAnswersOfRfc8032) {
  for (const Known& known : kKnown) {
    const SigningKey key = SigningKey::from_seed(array_of<32>(known.seed));
    const std::vector<std::uint8_t> message = bytes_of(known.message);
    EXPECT_EQ(to_hex(key.verify_key()), known.verify_key);
    EXPECT_EQ(to_hex(key.sign(message)), known.signature);
    EXPECT_EQ(to_hex(key.seed()), known.seed);
    EXPECT_TRUE(verify(array_of<32>(known.verify_key), message, array_of<64>(known.signature)));
  }
}

TEST(Signature, FailsForEveryBitThatIsChanged) {
  const Known& known = kKnown[2];
  const auto key = array_of<32>(known.verify_key);
  const auto message = bytes_of(known.message);
  const auto signature = array_of<64>(known.signature);
  for (std::size_t bit = 0; bit < 8 * message.size(); ++bit) {
    auto changed = message;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_FALSE(verify(key, changed, signature)) << "bit " << bit << " of the message";
  }
  for (std::size_t bit = 0; bit < 8 * signature.size(); ++bit) {
    auto changed = signature;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_FALSE(verify(key, message, changed)) << "bit " << bit << " of the signature";
  }
  for (std::size_t bit = 0; bit < 8 * key.size(); ++bit) {
    auto changed = key;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_FALSE(verify(changed, message, signature)) << "bit " << bit << " of the key";
  }
  EXPECT_FALSE(verify(key, bytes_of(known.message + "00"), signature));
}

// S and S + L say the same to a verifier that does not compare S with the group's order L
// (RFC 8032, 5.1.7): then one contribution would have two signatures.
TEST(Signature, HasOneFormOnly) {
  const Known& known = kKnown[1];
  const auto order =
      array_of<32>("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  auto twin = array_of<64>(known.signature);
  unsigned carry = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    carry += twin[32 + i] + order[i];
    twin[32 + i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
  ASSERT_EQ(carry, 0u);
  EXPECT_FALSE(verify(array_of<32>(known.verify_key), bytes_of(known.message), twin));
}

TEST(Signature, AKeyOfSmallOrderVerifiesNothing) {
  // With the neutral element as key, R = the neutral element and S = 0 would fit any message.
  VerifyKey neutral{1};
  Signature forged{};
  forged[0] = 1;
  EXPECT_FALSE(verify(neutral, bytes_of("72"), forged));
}

TEST(Signature, NewKeysAreNewAndCopiesAreTheSame) {
  const SigningKey one = SigningKey::generate();
  const SigningKey other = SigningKey::generate();
  const SigningKey copy = one;
  const std::vector<std::uint8_t> message{1, 2, 3};
  EXPECT_NE(one.verify_key(), other.verify_key());
  EXPECT_EQ(one.sign(message), copy.sign(message));
  EXPECT_TRUE(verify(one.verify_key(), message, copy.sign(message)));
  EXPECT_FALSE(verify(other.verify_key(), message, one.sign(message)));
}

}  // namespace
}  // namespace collegium
