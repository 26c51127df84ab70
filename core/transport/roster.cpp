#include "transport/roster.h"

#include <algorithm>
#include <utility>

#include "collegium/error.h"

namespace collegium {

Roster Roster::load(const std::filesystem::path& folder, std::vector<std::string>* problems,
                    const std::string& on) {
  if (!std::filesystem::is_directory(folder))
    throw ConfigError(Problem{.what = "the folder with the sites' public keys is missing",
                              .where = folder.string(),
                              .remedy = "create it and put one NAME.public of every site into it"});
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".public") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  Roster roster;
  for (const auto& file : files) {
    try {
      PublicKey key = PublicKey::load(file);
      if (key.expires.empty() || on <= key.expires) roster.add(std::move(key));
    } catch (const Error& error) {
      if (!problems) throw;
      problems->push_back(error.what());
    }
  }
  return roster;
}

void Roster::add(PublicKey key) {
  const auto same_signature = [&](const auto& site) {
    return key.signing != VerifyKey{} &&
           std::any_of(site.second.begin(), site.second.end(),
                       [&](const PublicKey& other) { return other.signing == key.signing; });
  };
  const PublicKey* known = find(key.name);
  const bool both_stay = known && known->expires.empty() && key.expires.empty();
  if (both_stay || by_key_.contains(key.key) ||
      std::any_of(by_name_.begin(), by_name_.end(), same_signature))
    throw ConfigError(Problem{
        .what = "two public keys claim one place in the roster",
        .where = "site " + key.name,
        .expected = "one key a site and one site a key",
        .remedy = "remove the old file of this site, or let it expire: expires = \"2027-01-31\""});
  by_key_.emplace(key.key, key.name);
  std::vector<PublicKey>& keys = by_name_[key.name];
  keys.insert(key.expires.empty() ? keys.begin() : keys.end(), std::move(key));
}

Roster Roster::of(const std::vector<std::string>& names) const {
  Roster some;
  for (const std::string& name : names)
    if (const auto keys = by_name_.find(name); keys != by_name_.end())
      for (const PublicKey& key : keys->second) some.add(key);
  return some;
}

std::optional<std::string> Roster::name_of(std::string_view key) const {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  return found->second;
}

bool Roster::contains(std::string_view name) const { return by_name_.contains(name); }

const PublicKey* Roster::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &found->second.front();
}

std::map<std::string, std::vector<VerifyKey>, std::less<>> signers_of(const Roster& roster) {
  std::map<std::string, std::vector<VerifyKey>, std::less<>> signers;
  for (const auto& [name, keys] : roster.sites())
    for (const PublicKey& key : keys) signers[name].push_back(key.signing);
  return signers;
}

}  // namespace collegium
