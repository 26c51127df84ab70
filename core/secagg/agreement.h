#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/hash.h"
#include "collegium/random.h"
#include "secagg/masks.h"
#include "secagg/session.h"
#include "secagg/shamir.h"

// Keys of one attempt: made for it, used in it and wiped with it.
namespace collegium::secagg {

using AgreementKey = std::array<std::uint8_t, 32>;  // an X25519 public key (RFC 7748)
using SharedKey = std::array<std::uint8_t, 32>;

struct AgreementPair {
  std::array<std::uint8_t, 32> secret{};
  AgreementKey public_key{};

  static AgreementPair random(SecureRandom& random);
  // Mask keys come from a seed that can be shared among the sites: secret =
  // BLAKE2b("collegium/secagg/v1/mask-sk" || seed).
  static AgreementPair from_seed(const Scalar& seed);
};

// X25519; empty: the other key is of small order, so that anybody knows the result.
std::optional<SharedKey> agree(const std::array<std::uint8_t, 32>& secret,
                               const AgreementKey& other);

// BLAKE2b-256 keyed by the agreed secret, over a label, the session, the round and both numbers,
// the lower one first.
MaskKey pair_key(const SharedKey& shared, const Session& session, std::uint32_t one,
                 std::uint32_t other);
SharedKey channel_key(const SharedKey& shared, const Session& session, std::uint32_t one,
                      std::uint32_t other);
// Keyed by the seed of the site's own mask.
MaskKey self_key(const Scalar& seed, const Session& session, std::uint32_t site);
// What a site says of that seed beforehand: a coordinator that was given false shares notices.
Digest commitment(const Scalar& seed);

// Of one site's two secrets, one share each.
struct SharePair {
  Scalar self{};  // of the seed of its own mask
  Scalar mask{};  // of the seed of its mask key
};

inline constexpr std::size_t kSealedSize = 24 + 64 + 16;
using Sealed = std::array<std::uint8_t, kSealedSize>;  // nonce, both shares, tag

// XChaCha20-Poly1305 with the session, the round, the sender and the receiver as associated data.
Sealed seal(const SharePair& shares, const SharedKey& key, const Session& session,
            std::uint32_t from, std::uint32_t to, SecureRandom& random);
std::optional<SharePair> open(const Sealed& sealed, const SharedKey& key, const Session& session,
                              std::uint32_t from, std::uint32_t to);

}  // namespace collegium::secagg
