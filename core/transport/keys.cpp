#include "transport/keys.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <vector>

#include "base/hash.h"
#include "collegium/error.h"
#include "collegium/settings.h"

namespace collegium {
namespace {

constexpr std::size_t kZ85 = 40;

std::string remedy_for(const std::filesystem::path& file) {
  return "create a pair with 'collegium keys new NAME'; " + file.filename().string() +
         " is one half of it";
}

Settings read(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file))
    throw ConfigError(Problem{
        .what = "the key file is missing", .where = file.string(), .remedy = remedy_for(file)});
  return Settings::load(file.string());
}

std::string key_in(const Settings& settings, const char* field) {
  std::string key = settings.text(field);
  std::array<std::uint8_t, 32> raw;
  if (key.size() != kZ85 || !zmq_z85_decode(raw.data(), key.c_str()))
    throw ConfigError(Problem{.what = std::string("'") + field + "' is not a key",
                              .where = settings.where(field),
                              .expected = "40 characters of Z85",
                              .found = std::to_string(key.size()) + " characters",
                              .remedy = "copy the whole file again from where it was made"});
  return key;
}

std::array<std::uint8_t, 32> signing_in(const Settings& settings) {
  if (!settings.contains("signing"))
    throw ConfigError(Problem{
        .what = "this key file is of an older version: it has no key to sign with",
        .where = settings.where("name"),
        .expected = "signing = '<64 hex digits>'",
        .remedy = "make a new pair with 'collegium keys new NAME' and send its public half again"});
  std::array<std::uint8_t, 32> bytes;
  const std::string hex = settings.text("signing");
  if (!from_hex(hex, bytes))
    throw ConfigError(Problem{.what = "'signing' is not a key",
                              .where = settings.where("signing"),
                              .expected = "64 hex digits",
                              .found = std::to_string(hex.size()) + " characters",
                              .remedy = "copy the whole file again from where it was made"});
  return bytes;
}

std::string expiry_in(const Settings& settings) {
  const std::string day = settings.text("expires", "");
  const auto fits = [&](std::size_t i) {
    return i == 4 || i == 7 ? day[i] == '-' : day[i] >= '0' && day[i] <= '9';
  };
  bool date = day.size() == 10;
  for (std::size_t i = 0; date && i < day.size(); ++i) date = fits(i);
  if (!day.empty() && !date)
    throw ConfigError(Problem{.what = "'expires' is not a day",
                              .where = settings.where("expires"),
                              .expected = "the last day the key counts, as \"2027-01-31\"",
                              .found = day});
  return day;
}

std::string name_in(const Settings& settings) {
  std::string name = settings.text("name");
  if (!valid_site_name(name))
    throw ConfigError(Problem{.what = "this name cannot be used",
                              .where = settings.where("name"),
                              .expected = "letters, digits, '-', '_' and '.', 64 at most",
                              .found = name});
  return name;
}

void write_file(const std::filesystem::path& file, const std::string& text, mode_t mode,
                int extra) {
  const auto fail = [&](const char* what) {
    throw SystemError(Problem{
        .what = what,
        .where = file.string(),
        .found = std::strerror(errno),
        .remedy = errno == EEXIST ? "move the old key away first, or choose another name" : ""});
  };
  const int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | extra, mode);
  if (fd < 0) fail("cannot create the key file");
  const bool written =
      write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(fd) == 0;
  const int problem = errno;
  close(fd);
  errno = problem;
  if (!written) fail("cannot write the key file");
}

}  // namespace

bool valid_site_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !name.empty() && name.size() <= 64 && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), allowed);
}

PublicKey PublicKey::load(const std::filesystem::path& file) {
  const Settings settings = read(file);
  PublicKey key{name_in(settings), key_in(settings, "public"), signing_in(settings),
                expiry_in(settings)};
  settings.refuse_unknown();
  return key;
}

void PublicKey::save(const std::filesystem::path& file) const {
  write_file(file,
             "# Collegium public key: may be sent to anybody\n" + std::string("name = \"") + name +
                 "\"\npublic = '" + key + "'\nsigning = '" + to_hex(signing) + "'\n" +
                 (expires.empty() ? "" : "expires = \"" + expires + "\"\n"),
             0644, O_TRUNC);
}

KeyPair KeyPair::generate(std::string name) {
  if (!valid_site_name(name))
    throw ConfigError(Problem{.what = "this name cannot be used",
                              .where = "key pair",
                              .expected = "letters, digits, '-', '_' and '.', 64 at most",
                              .found = name});
  std::array<char, kZ85 + 1> public_key;
  std::array<char, kZ85 + 1> secret_key;
  if (zmq_curve_keypair(public_key.data(), secret_key.data()) != 0)
    throw SystemError(Problem{.what = "ZeroMQ was built without CURVE",
                              .where = "key pair",
                              .remedy = "install a libzmq with CURVE, as Debian's libzmq5 is"});
  return KeyPair{std::move(name), public_key.data(), secret_key.data(), SigningKey::generate()};
}

KeyPair KeyPair::load(const std::filesystem::path& file) {
  struct stat status;
  if (stat(file.c_str(), &status) == 0 && (status.st_mode & 077) != 0)
    throw ConfigError(Problem{
        .what = "others may read this secret key",
        .where = file.string(),
        .expected = "mode 0600",
        .remedy = "chmod 600 " + file.string() + "; if others had access, make a new pair"});
  const Settings settings = read(file);
  KeyPair pair{name_in(settings), key_in(settings, "public"), key_in(settings, "secret"),
               SigningKey::from_seed(signing_in(settings))};
  settings.refuse_unknown();
  std::array<char, kZ85 + 1> derived;
  if (zmq_curve_public(derived.data(), pair.secret_key.c_str()) != 0 ||
      pair.public_key != derived.data())
    throw ConfigError(Problem{.what = "the public and the secret half do not belong together",
                              .where = file.string(),
                              .remedy = remedy_for(file)});
  return pair;
}

void KeyPair::save(const std::filesystem::path& folder) const {
  std::filesystem::create_directories(folder);
  write_file(folder / (name + ".secret"),
             "# Collegium secret key: stays on this machine\n" + std::string("name = \"") + name +
                 "\"\npublic = '" + public_key + "'\nsecret = '" + secret_key + "'\nsigning = '" +
                 to_hex(signing.seed()) + "'\n",
             0600, O_EXCL);
  public_half().save(folder / (name + ".public"));
}

std::string today() {
  const auto now = std::time(nullptr);
  std::tm day{};
  gmtime_r(&now, &day);
  std::array<char, 16> text;
  std::strftime(text.data(), text.size(), "%Y-%m-%d", &day);
  return text.data();
}

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
