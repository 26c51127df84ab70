#include "base/sealed.h"

#include <sodium.h>

#include <algorithm>
#include <stdexcept>

#include "collegium/error.h"

namespace collegium {
namespace {

constexpr std::size_t kNonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTag = crypto_aead_xchacha20poly1305_ietf_ABYTES;
static_assert(Sealed::kOverhead == kNonce + kTag);
static_assert(std::tuple_size_v<decltype(Sealed::salt)> == crypto_pwhash_SALTBYTES);

struct Key {
  std::array<std::uint8_t, crypto_aead_xchacha20poly1305_ietf_KEYBYTES> bytes{};

  Key(const Passphrase& passphrase, const Sealed& sealed) {
    if (sodium_init() < 0) throw std::runtime_error("libsodium could not be initialised");
    const GuessCost& cost = sealed.cost;
    if (cost.passes < 1 || cost.passes > GuessCost::kMostPasses ||
        cost.memory < GuessCost::kLeastMemory || cost.memory > GuessCost::kMostMemory)
      throw ConfigError(Problem{.what = "no passphrase is taken at this cost",
                                .expected = "1 to 64 passes over 8 to 1024 MiB",
                                .found = std::to_string(cost.passes) + " passes over " +
                                         std::to_string(cost.memory) + " MiB"});
    const auto text = passphrase.bytes();
    // An empty one has no place in memory, and the function takes no null.
    const char* words = text.empty() ? "" : reinterpret_cast<const char*>(text.data());
    if (crypto_pwhash(bytes.data(), bytes.size(), words, text.size(), sealed.salt.data(),
                      static_cast<unsigned long long>(cost.passes),
                      static_cast<std::size_t>(cost.memory) << 20,
                      crypto_pwhash_ALG_ARGON2ID13) != 0)
      throw SystemError(
          Problem{.what = "there is not enough memory to make a key of the passphrase",
                  .expected = std::to_string(cost.memory) + " MiB",
                  .remedy = "free some memory"});
  }
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;
  ~Key() { sodium_memzero(bytes.data(), bytes.size()); }
};

const std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

}  // namespace

Sealed seal(std::span<const std::uint8_t> secret, std::string_view about,
            const Passphrase& passphrase, GuessCost cost) {
  Sealed sealed{.cost = cost};
  randombytes_buf(sealed.salt.data(), sealed.salt.size());
  const Key key(passphrase, sealed);
  sealed.box.resize(kNonce + secret.size() + kTag);
  randombytes_buf(sealed.box.data(), kNonce);
  crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.box.data() + kNonce, nullptr, secret.data(),
                                             secret.size(), bytes_of(about), about.size(), nullptr,
                                             sealed.box.data(), key.bytes.data());
  return sealed;
}

std::optional<std::vector<std::uint8_t>> unseal(const Sealed& sealed, std::string_view about,
                                                const Passphrase& passphrase) {
  if (sealed.box.size() < kNonce + kTag) return std::nullopt;
  const Key key(passphrase, sealed);
  std::vector<std::uint8_t> secret(sealed.box.size() - kNonce - kTag);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          secret.data(), nullptr, nullptr, sealed.box.data() + kNonce, sealed.box.size() - kNonce,
          bytes_of(about), about.size(), sealed.box.data(), key.bytes.data()) != 0)
    return std::nullopt;
  return secret;
}

}  // namespace collegium
