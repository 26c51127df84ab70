#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "base/sealed.h"
#include "collegium/settings.h"

namespace collegium {

// Both secrets of a key pair: of the line, and the seed to sign with. Wiped at the end.
struct KeySecrets {
  std::array<std::uint8_t, 64> bytes{};

  KeySecrets() = default;
  KeySecrets(const KeySecrets&) = default;
  KeySecrets& operator=(const KeySecrets&) = default;
  ~KeySecrets() { wipe(bytes); }
  std::span<std::uint8_t, 32> line() { return std::span(bytes).first<32>(); }
  std::span<std::uint8_t, 32> signing() { return std::span(bytes).last<32>(); }
};

// The lines of a key file that hold the secrets under a passphrase: `locked` and the table `lock`.
// Name and public key, which stand in the open, are bound to them.
std::string locked_key(const KeySecrets& secrets, const std::string& name,
                       const std::string& public_key, const Passphrase& passphrase, GuessCost cost);
// The way back; without a `passphrase_file` the terminal is asked. Throws ConfigError.
KeySecrets unlock_key(const Settings& file, const std::string& name, const std::string& public_key,
                      const std::filesystem::path& passphrase_file);

}  // namespace collegium
