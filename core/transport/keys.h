#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

// Today, UTC: "2026-11-25".
std::string today();

// Whom the coordinator lets in: the *.public files of a folder. The name counts that stands in the
// file. A key belongs to one name. While a site changes its keys it has two: all but one of a
// name's keys must then say when they expire, so that a hand-over ends. What has expired is a
// stranger's.
class Roster {
 public:
  Roster() = default;
  // Throws ConfigError. With `problems` a file that cannot be used is left out and named there.
  static Roster load(const std::filesystem::path& folder,
                     std::vector<std::string>* problems = nullptr, const std::string& on = today());

  void add(PublicKey key);  // throws ConfigError on a repeat
  // Only these names, as a run admits nobody else.
  Roster of(const std::vector<std::string>& names) const;
  bool operator==(const Roster&) const = default;
  std::optional<std::string> name_of(std::string_view key) const;  // empty: a stranger
  bool contains(std::string_view name) const;
  // The one that stays, where a name has two; null: not in it.
  const PublicKey* find(std::string_view name) const;
  // By name; the key that stays comes first.
  const std::map<std::string, std::vector<PublicKey>, std::less<>>& sites() const {
    return by_name_;
  }

 private:
  std::map<std::string, std::vector<PublicKey>, std::less<>> by_name_;
  std::map<std::string, std::string, std::less<>> by_key_;
};

std::map<std::string, std::vector<VerifyKey>, std::less<>> signers_of(const Roster& roster);

bool valid_site_name(std::string_view name);

}  // namespace collegium
