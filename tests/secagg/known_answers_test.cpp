#include <gtest/gtest.h>
#include <sodium.h>

#include <string>

#include "privacy/reference.h"
#include "secagg/agreement.h"
#include "secagg/table.h"

namespace collegium::secagg {
namespace {

using nlohmann::json;

const std::string kFile = "secure_aggregation_reference.json";

Octets octets(const json& hex) {
  const auto text = hex.get<std::string>();
  Octets bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
  return bytes;
}

template <std::size_t N = 32>
std::array<std::uint8_t, N> array_of(const json& hex) {
  const Octets bytes = octets(hex);
  std::array<std::uint8_t, N> array{};
  EXPECT_EQ(bytes.size(), N);
  std::copy_n(bytes.begin(), std::min(N, bytes.size()), array.begin());
  return array;
}

TEST(KeyAgreement, GivesTheKeysOfRfc7748) {
  const json reference = read_reference(kFile).at("x25519");
  const auto ours = agree(array_of(reference.at("alice_sk")), array_of(reference.at("bob_pk")));
  const auto theirs = agree(array_of(reference.at("bob_sk")), array_of(reference.at("alice_pk")));
  ASSERT_TRUE(ours && theirs);
  EXPECT_EQ(*ours, array_of(reference.at("shared")));
  EXPECT_EQ(*theirs, *ours);
}

TEST(KeyAgreement, RefusesKeysOfSmallOrder) {
  ScriptedRandom random(3);
  const AgreementPair pair = AgreementPair::random(random);
  AgreementKey zero{}, one{};
  one[0] = 1;
  EXPECT_FALSE(agree(pair.secret, zero));
  EXPECT_FALSE(agree(pair.secret, one));
}

TEST(KnownAnswers, ChaCha20StreamsAreTheReferences) {
  for (const json& one : reference_cases(kFile, "chacha20")) {
    if (octets(one.at("nonce")) != Octets(12, 0)) continue;  // a mask's nonce is 0
    SCOPED_TRACE(one.at("id"));
    const Octets stream = octets(one.at("keystream"));
    std::vector<std::uint32_t> values(stream.size() / 4, 0), expected(stream.size() / 4);
    std::copy(stream.begin(), stream.end(), reinterpret_cast<std::uint8_t*>(expected.data()));
    const Mask mask{.key = array_of(one.at("key"))};
    add_masks(values, std::span(&mask, 1), 16 * one.at("counter").get<std::uint64_t>());
    EXPECT_EQ(values, expected);
  }
}

// Nonce, ciphertext and tag in one, as they travel; empty: not what was sealed.
Octets opened(std::span<const std::uint8_t> sealed, const Octets& bound, const SharedKey& key) {
  constexpr std::size_t kNonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
  const std::span<const std::uint8_t> text = sealed.subspan(kNonce);
  Octets plain(text.size() - crypto_aead_xchacha20poly1305_ietf_ABYTES);
  const int refused = crypto_aead_xchacha20poly1305_ietf_decrypt(
      plain.data(), nullptr, nullptr, text.data(), text.size(), bound.data(), bound.size(),
      sealed.data(), key.data());
  return refused != 0 ? Octets() : plain;
}

TEST(KnownAnswers, TheCipherOfSharesOpensTheDraftsExample) {
  const json reference = read_reference(kFile).at("xchacha20poly1305");
  Octets sealed = octets(reference.at("nonce"));
  const Octets text = octets(reference.at("ciphertext_and_tag"));
  sealed.insert(sealed.end(), text.begin(), text.end());
  const SharedKey key = array_of(reference.at("key"));
  EXPECT_EQ(opened(sealed, octets(reference.at("aad")), key), octets(reference.at("plaintext")));
  sealed.back() ^= 1;
  EXPECT_TRUE(opened(sealed, octets(reference.at("aad")), key).empty());
}

// The frame that docs/secure_aggregation.md states, written out by hand.
TEST(KnownAnswers, SharesAreSealedInTheDocumentedFrame) {
  Session session = session_of(5);
  session.round = 0x0102030405060708;
  ScriptedRandom random(11);
  SharePair shares;
  shares.self[0] = 7;
  shares.mask[0] = 9;
  SharedKey key;
  key.fill(3);
  const Sealed sealed = seal(shares, key, session, 2, 5, random);

  Octets bound;
  for (const char letter : std::string("collegium/secagg/v1/share")) bound.push_back(letter);
  bound.insert(bound.end(), session.id.begin(), session.id.end());
  for (const std::uint8_t byte : {8, 7, 6, 5, 4, 3, 2, 1, 2, 0, 0, 0, 5, 0, 0, 0})
    bound.push_back(byte);
  Octets both(64, 0);
  both[0] = 7;
  both[32] = 9;
  EXPECT_EQ(opened(sealed, bound, key), both);
}

// A whole sum: keys, masks, masked vectors and what comes out, with the seeds of the reference.
template <class Word>
void expect_sum(const json& run) {
  const auto sites = run.at("n").get<std::uint32_t>();
  Session session = session_of(sites);
  session.id = array_of(run.at("session"));
  session.round = run.at("round");
  session.threshold = run.at("t");
  session.minimum = std::max(session.threshold, 3u);
  Table<Word> table(session);
  std::map<std::uint32_t, std::vector<Word>> inputs;
  for (std::uint32_t site = 1; site <= sites; ++site) {
    const std::string key = std::to_string(site);
    // A secret is the remainder of 64 bytes: 32 of the secret and as many zeros give the secret.
    table.randoms[site - 1]->say(octets(run.at("mask_seed").at(key)), 16);
    table.randoms[site - 1]->say(octets(run.at("self_seed").at(key)), 16);
    for (const json& value : run.at("inputs").at(site - 1))
      inputs[site].push_back(static_cast<Word>(value.get<std::int64_t>()));
  }
  Absences absences;
  for (const json& site : run.at("dropped_before_masked")) absences.from[site] = Step::mask;
  for (const json& site : run.at("dropped_before_unmask")) absences.from[site] = Step::unmask;
  const std::vector<Word> sum = table.run(absences, inputs);

  for (std::uint32_t site = 1; site <= sites; ++site) {
    const auto advert = read_adverts(table.seen.at(Step::advertise).at(site), session).at(0);
    EXPECT_EQ(advert.mask, array_of(run.at("mask_pk").at(std::to_string(site))));
  }
  const AgreementPair first = AgreementPair::from_seed(array_of(run.at("mask_seed").at("1")));
  const auto shared = agree(first.secret, array_of(run.at("mask_pk").at("2")));
  EXPECT_EQ(pair_key(*shared, session, 2, 1), array_of(run.at("pair_key_1_2")));
  EXPECT_EQ(self_key(array_of(run.at("self_seed").at("1")), session, 1),
            array_of(run.at("self_key_1")));
  ASSERT_EQ(table.seen_masked.size(), run.at("masked").size());
  for (const auto& [site, masked] : table.seen_masked) {
    SCOPED_TRACE(site);
    std::vector<Word> expected;
    for (const json& value : run.at("masked").at(std::to_string(site)))
      expected.push_back(value.is_string()
                             ? static_cast<Word>(std::stoull(value.get<std::string>()))
                             : value.get<Word>());
    EXPECT_EQ(masked, expected);
  }
  std::vector<Word> expected;
  for (const json& value : run.at("sum"))
    expected.push_back(static_cast<Word>(value.get<std::int64_t>()));
  EXPECT_EQ(sum, expected);
}

TEST(KnownAnswers, WholeSumsAreTheReferences) {
  for (const json& run : reference_cases(kFile, "sums")) {
    SCOPED_TRACE(run.at("id"));
    if (run.at("bits") == 32)
      expect_sum<std::uint32_t>(run);
    else
      expect_sum<std::uint64_t>(run);
  }
}

}  // namespace
}  // namespace collegium::secagg
