#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/signature.h"

namespace collegium {

// Who somebody is: a name, a CURVE public key for the line (40 characters of Z85), and an Ed25519
// key for what must be provable afterwards (64 hex digits). The file NAME.public says all three and
// may be sent to anybody.
struct PublicKey {
  std::string name;
  std::string key;
  VerifyKey signing{};  // zeros: not known, in the insecure mode

  static PublicKey load(const std::filesystem::path& file);  // throws ConfigError with the remedy
  void save(const std::filesystem::path& file) const;
};

// One identity, with the secrets of both keys. The file NAME.secret (mode 0600) holds all of it and
// never leaves its machine.
struct KeyPair {
  std::string name;
  std::string public_key;
  std::string secret_key;
  SigningKey signing;

  static KeyPair generate(
      std::string name);  // names: letters, digits, '-', '_' and '.', 64 at most
  // Throws ConfigError when others may read the file, or when its two halves do not belong
  // together.
  static KeyPair load(const std::filesystem::path& file);
  // Writes FOLDER/NAME.secret and FOLDER/NAME.public; refuses to replace a secret that is there.
  void save(const std::filesystem::path& folder) const;
  PublicKey public_half() const { return {name, public_key, signing.verify_key()}; }
};

// Whom the coordinator lets in: one NAME.public a site. The name counts that stands in the file;
// two files with one name or one key, of either kind, are refused.
class Roster {
 public:
  Roster() = default;
  static Roster load(const std::filesystem::path& folder);

  void add(PublicKey key);                                         // throws ConfigError on a repeat
  std::optional<std::string> name_of(std::string_view key) const;  // empty: a stranger
  bool contains(std::string_view name) const;
  const PublicKey* find(std::string_view name) const;  // null: not in it
  const std::map<std::string, PublicKey, std::less<>>& sites() const { return by_name_; }

 private:
  std::map<std::string, PublicKey, std::less<>> by_name_;
  std::map<std::string, std::string, std::less<>> by_key_;
};

bool valid_site_name(std::string_view name);

}  // namespace collegium
