#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace collegium {

using VerifyKey = std::array<std::uint8_t, 32>;
using Signature = std::array<std::uint8_t, 64>;

// An Ed25519 key (RFC 8032): what it signs can be proved afterwards to anybody who has the verify
// key. Signatures are deterministic. What is signed begins with a domain label
// ("collegium/record/v1"), so that a signature of one kind is never one of another. Copies share
// one secret, which is wiped with the last of them.
class SigningKey {
 public:
  using Seed = std::array<std::uint8_t, 32>;

  static SigningKey generate();  // from the operating system's randomness
  static SigningKey from_seed(std::span<const std::uint8_t, 32> seed);

  VerifyKey verify_key() const;
  Seed seed() const;  // the secret itself, for the owner's key file
  Signature sign(std::span<const std::uint8_t> message) const;

 private:
  struct Secret;
  explicit SigningKey(std::shared_ptr<const Secret> secret);
  std::shared_ptr<const Secret> secret_;
};

// Keys of small order and signatures that are not in their one canonical form verify nothing.
bool verify(const VerifyKey& key, std::span<const std::uint8_t> message,
            const Signature& signature);

Signature sign_text(const SigningKey& key, std::string_view text);
bool verify_text(const VerifyKey& key, std::string_view text, const Signature& signature);

}  // namespace collegium
