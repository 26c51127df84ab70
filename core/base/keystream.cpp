#include "base/keystream.h"

#include <openssl/evp.h>

#include <algorithm>

#include "collegium/error.h"

namespace collegium {
namespace {

constexpr std::size_t kPiece = 16 * 1024;  // bytes: zeros and stream stay in the first cache
alignas(64) constexpr std::array<std::uint8_t, kPiece> kZeros{};

void must(int succeeded) {
  if (succeeded != 1) throw SystemError({.what = "OpenSSL could not make a ChaCha20 keystream"});
}

const EVP_CIPHER* chacha20() {
  static const EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, "ChaCha20", nullptr);
  must(cipher != nullptr);
  return cipher;
}

}  // namespace

struct Keystream::State {
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  std::array<std::uint8_t, 16> start{};  // OpenSSL's IV: the block's number, then the nonce

  ~State() { EVP_CIPHER_CTX_free(context); }  // wipes the key
};

Keystream::Keystream(const Key& key, const Nonce& nonce) : state_(std::make_unique<State>()) {
  must(state_->context != nullptr);
  std::ranges::copy(nonce, state_->start.begin() + 4);
  must(EVP_EncryptInit_ex2(state_->context, chacha20(), key.data(), state_->start.data(), nullptr));
}

Keystream::~Keystream() = default;
Keystream::Keystream(Keystream&&) noexcept = default;
Keystream& Keystream::operator=(Keystream&&) noexcept = default;

void Keystream::write(std::uint32_t first, std::span<std::uint8_t> out) {
  for (int byte = 0; byte < 4; ++byte)
    state_->start[static_cast<std::size_t>(byte)] = static_cast<std::uint8_t>(first >> 8 * byte);
  must(EVP_EncryptInit_ex2(state_->context, nullptr, nullptr, state_->start.data(), nullptr));
  while (!out.empty()) {
    const std::size_t size = std::min(out.size(), kPiece);
    int written = 0;
    must(EVP_EncryptUpdate(state_->context, out.data(), &written, kZeros.data(),
                           static_cast<int>(size)));
    out = out.subspan(size);
  }
}

}  // namespace collegium
