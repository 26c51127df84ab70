#include "base/hash.h"

#include <sodium.h>

#include <algorithm>
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

std::string to_hex(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::uint8_t byte : bytes) {
    text += kHex[byte >> 4];
    text += kHex[byte & 15];
  }
  return text;
}

bool from_hex(std::string_view hex, std::span<std::uint8_t> bytes) {
  if (hex.size() != 2 * bytes.size()) return false;
  if (!std::all_of(hex.begin(), hex.end(), [](char c) { return hex_value(c) >= 0; })) return false;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(16 * hex_value(hex[2 * i]) + hex_value(hex[2 * i + 1]));
  return true;
}

}  // namespace collegium
