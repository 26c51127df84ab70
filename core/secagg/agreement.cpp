#include "secagg/agreement.h"

#include <sodium.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "secagg/octets.h"

namespace collegium::secagg {
namespace {

// BLAKE2b-256 of `text`, keyed where there is a key.
std::array<std::uint8_t, 32> keyed_hash(std::span<const std::uint8_t> key, const Octets& text) {
  std::array<std::uint8_t, 32> hash;
  crypto_generichash(hash.data(), hash.size(), text.data(), text.size(),
                     key.empty() ? nullptr : key.data(), key.size());
  return hash;
}

Octets labelled(std::string_view label, const Session& session) {
  Octets text;
  put(text, label);
  put(text, session.id);
  put(text, session.round);
  return text;
}

std::array<std::uint8_t, 32> key_of_two(std::string_view label, const SharedKey& shared,
                                        const Session& session, std::uint32_t one,
                                        std::uint32_t other) {
  Octets text = labelled(label, session);
  put(text, std::min(one, other));
  put(text, std::max(one, other));
  return keyed_hash(shared, text);
}

Octets associated(const Session& session, std::uint32_t from, std::uint32_t to) {
  Octets text = labelled("collegium/secagg/v1/share", session);
  put(text, from);
  put(text, to);
  return text;
}

constexpr std::size_t kNonceSize = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kPlainSize = 2 * sizeof(Scalar);
static_assert(kSealedSize == kNonceSize + kPlainSize + crypto_aead_xchacha20poly1305_ietf_ABYTES);

void fill(std::span<std::uint8_t> bytes, SecureRandom& random) {
  for (std::size_t i = 0; i < bytes.size(); i += 4) {
    std::uint32_t word;
    random.words({&word, 1});
    for (std::size_t j = 0; j < 4; ++j) bytes[i + j] = static_cast<std::uint8_t>(word >> (8 * j));
  }
}

}  // namespace

AgreementPair AgreementPair::random(SecureRandom& random) {
  AgreementPair pair;
  fill(pair.secret, random);
  crypto_scalarmult_base(pair.public_key.data(), pair.secret.data());
  return pair;
}

AgreementPair AgreementPair::from_seed(const Scalar& seed) {
  Octets text;
  put(text, "collegium/secagg/v1/mask-sk");
  put(text, seed);
  AgreementPair pair{.secret = keyed_hash({}, text), .public_key = {}};
  wipe(text);
  crypto_scalarmult_base(pair.public_key.data(), pair.secret.data());
  return pair;
}

std::optional<SharedKey> agree(const std::array<std::uint8_t, 32>& secret,
                               const AgreementKey& other) {
  SharedKey shared;
  if (crypto_scalarmult(shared.data(), secret.data(), other.data()) != 0) return std::nullopt;
  return shared;
}

MaskKey pair_key(const SharedKey& shared, const Session& session, std::uint32_t one,
                 std::uint32_t other) {
  return key_of_two("collegium/secagg/v1/pair", shared, session, one, other);
}

SharedKey channel_key(const SharedKey& shared, const Session& session, std::uint32_t one,
                      std::uint32_t other) {
  return key_of_two("collegium/secagg/v1/channel", shared, session, one, other);
}

MaskKey self_key(const Scalar& seed, const Session& session, std::uint32_t site) {
  Octets text = labelled("collegium/secagg/v1/self", session);
  put(text, site);
  return keyed_hash(seed, text);
}

Digest commitment(const Scalar& seed) {
  Octets text;
  put(text, "collegium/secagg/v1/commitment");
  put(text, seed);
  const Digest hash = keyed_hash({}, text);
  wipe(text);
  return hash;
}

Sealed seal(const SharePair& shares, const SharedKey& key, const Session& session,
            std::uint32_t from, std::uint32_t to, SecureRandom& random) {
  Sealed sealed;
  fill(std::span(sealed).first<kNonceSize>(), random);
  std::array<std::uint8_t, kPlainSize> plain;
  std::copy(shares.self.begin(), shares.self.end(), plain.begin());
  std::copy(shares.mask.begin(), shares.mask.end(), plain.begin() + sizeof(Scalar));
  const Octets bound = associated(session, from, to);
  crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.data() + kNonceSize, nullptr, plain.data(),
                                             plain.size(), bound.data(), bound.size(), nullptr,
                                             sealed.data(), key.data());
  wipe(plain);
  return sealed;
}

std::optional<SharePair> open(const Sealed& sealed, const SharedKey& key, const Session& session,
                              std::uint32_t from, std::uint32_t to) {
  std::array<std::uint8_t, kPlainSize> plain;
  const Octets bound = associated(session, from, to);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          plain.data(), nullptr, nullptr, sealed.data() + kNonceSize, sealed.size() - kNonceSize,
          bound.data(), bound.size(), sealed.data(), key.data()) != 0)
    return std::nullopt;
  SharePair shares;
  std::copy_n(plain.begin(), sizeof(Scalar), shares.self.begin());
  std::copy_n(plain.begin() + sizeof(Scalar), sizeof(Scalar), shares.mask.begin());
  wipe(plain);
  if (!is_scalar(shares.self) || !is_scalar(shares.mask)) return std::nullopt;
  return shares;
}

}  // namespace collegium::secagg
