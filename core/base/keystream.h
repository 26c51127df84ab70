#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <span>

namespace collegium {

// The ChaCha20 keystream (RFC 8439) of one key and nonce. By OpenSSL, whose code for wide vector
// units is twice as fast as libsodium's. The key is wiped when this is destroyed.
class Keystream {
 public:
  using Key = std::array<std::uint8_t, 32>;
  using Nonce = std::array<std::uint8_t, 12>;
  static constexpr std::size_t kBlockBytes = 64;

  Keystream(const Key& key, const Nonce& nonce);
  ~Keystream();
  Keystream(Keystream&&) noexcept;
  Keystream& operator=(Keystream&&) noexcept;

  // The bytes from the start of block `first`, up to the last of the 2^32 blocks.
  void write(std::uint32_t first, std::span<std::uint8_t> out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace collegium
