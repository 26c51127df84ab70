#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/passphrase.h"

namespace collegium {

// What one guess of a passphrase costs whoever tries them (Argon2id, RFC 9106, one lane).
struct GuessCost {
  std::int64_t passes = 3;
  std::int64_t memory = 256;  // MiB

  static constexpr std::int64_t kMostPasses = 64, kLeastMemory = 8, kMostMemory = 1024;
  bool operator==(const GuessCost&) const = default;
};

// A secret under a passphrase: Argon2id makes the key, XChaCha20-Poly1305 encrypts and
// authenticates (libsodium).
struct Sealed {
  GuessCost cost;
  std::array<std::uint8_t, 16> salt{};
  std::vector<std::uint8_t> box{};  // nonce, cipher text, tag

  static constexpr std::size_t kOverhead = 24 + 16;  // bytes of the box beside the secret's
};

// `about` stands beside the box in the open and can be changed no more than the box itself.
// Throws SystemError where there is not so much memory, ConfigError beyond the bounds of a cost.
Sealed seal(std::span<const std::uint8_t> secret, std::string_view about,
            const Passphrase& passphrase, GuessCost cost = {});
// Empty: another passphrase, or something was changed. Nobody can tell which.
std::optional<std::vector<std::uint8_t>> unseal(const Sealed& sealed, std::string_view about,
                                                const Passphrase& passphrase);

}  // namespace collegium
