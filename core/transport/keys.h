#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "base/sealed.h"
#include "base/signature.h"

namespace collegium {

// Who somebody is: a name, a CURVE public key for the line (40 characters of Z85), and an Ed25519
// key for what must be provable afterwards (64 hex digits). The file NAME.public says all three and
// may be sent to anybody.
struct PublicKey {
  std::string name;
  std::string key;
  VerifyKey signing{};       // zeros: not known, in the insecure mode
  std::string expires = {};  // the last day it counts, UTC: "2027-01-31"; empty: it stays

  bool operator==(const PublicKey&) const = default;
  static PublicKey load(const std::filesystem::path& file);  // throws ConfigError with the remedy
  void save(const std::filesystem::path& file) const;
};

// How a pair is written down.
struct KeyOptions {
  std::string expires = {};                // of its public half
  const Passphrase* passphrase = nullptr;  // null: whoever reads the file has the key
  GuessCost cost = {};
};

// One identity, with the secrets of both keys. The file NAME.secret (mode 0600) holds all of it,
// under a passphrase if its owner wants that, and never leaves its machine.
struct KeyPair {
  std::string name;
  std::string public_key;
  std::string secret_key;
  SigningKey signing;

  static KeyPair generate(
      std::string name);  // names: letters, digits, '-', '_' and '.', 64 at most
  // Where the file is under a passphrase, that is the first line of `passphrase_file`; without one
  // the terminal is asked. Throws ConfigError when others may read the file, when its two halves do
  // not belong together, when the passphrase is another one, and when one is given that the file
  // does not need: its owner believes it to be safer than it is.
  static KeyPair load(const std::filesystem::path& file,
                      const std::filesystem::path& passphrase_file = {});
  // Writes FOLDER/NAME.secret and FOLDER/NAME.public; refuses to replace a secret that is there,
  // a last day that is over, and a passphrase of less than 8 bytes.
  void save(const std::filesystem::path& folder, const KeyOptions& options = {}) const;
  PublicKey public_half() const { return {name, public_key, signing.verify_key()}; }
};

// Today, UTC: "2026-11-25".
std::string today();

bool valid_site_name(std::string_view name);

}  // namespace collegium
