#include "base/hash.h"

#include <sodium.h>

#include <stdexcept>

namespace collegium {
namespace {

// Chooses the fastest implementation for this processor; safe to call again and from any thread.
void ready() {
  static const int done = sodium_init();
  if (done < 0) throw std::runtime_error("libsodium could not be initialised");
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

struct Hasher::State {
  crypto_generichash_state sodium;
};

Hasher::Hasher() : state_(std::make_unique<State>()) {
  ready();
  crypto_generichash_init(&state_->sodium, nullptr, 0, std::tuple_size_v<Digest>);
}
Hasher::~Hasher() = default;

void Hasher::add(std::span<const std::uint8_t> bytes) {
  crypto_generichash_update(&state_->sodium, bytes.data(), bytes.size());
}

void Hasher::add(std::string_view text) {
  add(std::uint64_t{text.size()});
  add(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

void Hasher::add(std::uint64_t number) {
  std::array<std::uint8_t, 8> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
  add(std::span<const std::uint8_t>(bytes));
}

Digest Hasher::finish() {
  Digest digest;
  crypto_generichash_final(&state_->sodium, digest.data(), digest.size());
  return digest;
}

Digest hash_bytes(std::span<const std::uint8_t> bytes) {
  ready();
  Digest digest;
  crypto_generichash(digest.data(), digest.size(), bytes.data(), bytes.size(), nullptr, 0);
  return digest;
}

Digest hash_text(std::string_view text) {
  return hash_bytes(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

std::string to_hex(const Digest& digest) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  text.reserve(2 * digest.size());
  for (const std::uint8_t byte : digest) {
    text += kHex[byte >> 4];
    text += kHex[byte & 15];
  }
  return text;
}

bool from_hex(std::string_view hex, Digest& digest) {
  if (hex.size() != 2 * digest.size()) return false;
  Digest read;
  for (std::size_t i = 0; i < read.size(); ++i) {
    const int high = hex_value(hex[2 * i]);
    const int low = hex_value(hex[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    read[i] = static_cast<std::uint8_t>(16 * high + low);
  }
  digest = read;
  return true;
}

}  // namespace collegium
