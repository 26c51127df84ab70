#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "transport/keys.h"

namespace collegium {

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

}  // namespace collegium
