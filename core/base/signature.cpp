#include "base/signature.h"

#include <sodium.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace collegium {
namespace {

void ready() {
  static const int done = sodium_init();
  if (done < 0) throw std::runtime_error("libsodium could not be initialised");
}

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

// The seed, and behind it the verify key.
struct SigningKey::Secret {
  std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> bytes{};
  VerifyKey verify_key{};

  Secret() = default;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { sodium_memzero(bytes.data(), bytes.size()); }
};

SigningKey::SigningKey(std::shared_ptr<const Secret> secret) : secret_(std::move(secret)) {}

SigningKey SigningKey::generate() {
  ready();
  auto secret = std::make_shared<Secret>();
  crypto_sign_keypair(secret->verify_key.data(), secret->bytes.data());
  return SigningKey(std::move(secret));
}

SigningKey SigningKey::from_seed(std::span<const std::uint8_t, 32> seed) {
  ready();
  auto secret = std::make_shared<Secret>();
  crypto_sign_seed_keypair(secret->verify_key.data(), secret->bytes.data(), seed.data());
  return SigningKey(std::move(secret));
}

VerifyKey SigningKey::verify_key() const { return secret_->verify_key; }

SigningKey::Seed SigningKey::seed() const {
  Seed seed;
  std::copy_n(secret_->bytes.begin(), seed.size(), seed.begin());
  return seed;
}

Signature SigningKey::sign(std::span<const std::uint8_t> message) const {
  Signature signature;
  crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(),
                       secret_->bytes.data());
  return signature;
}

bool verify(const VerifyKey& key, std::span<const std::uint8_t> message,
            const Signature& signature) {
  ready();
  return crypto_sign_verify_detached(signature.data(), message.data(), message.size(),
                                     key.data()) == 0;
}

Signature sign_text(const SigningKey& key, std::string_view text) {
  return key.sign(bytes_of(text));
}

bool verify_text(const VerifyKey& key, std::string_view text, const Signature& signature) {
  return verify(key, bytes_of(text), signature);
}

}  // namespace collegium
