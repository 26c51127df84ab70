#include "transport/keys.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <span>
#include <string>

#include "base/hash.h"
#include "collegium/error.h"
#include "collegium/settings.h"
#include "transport/key_lock.h"

namespace collegium {
namespace {

constexpr std::size_t kZ85 = 40;
constexpr std::size_t kShortestPassphrase = 8;

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

// "2027-01-31", and there is such a day.
bool is_day(const std::string& text) {
  const auto fits = [&](std::size_t i) {
    return i == 4 || i == 7 ? text[i] == '-' : text[i] >= '0' && text[i] <= '9';
  };
  if (text.size() != 10) return false;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (!fits(i)) return false;
  const auto number = [&](std::size_t at, std::size_t size) {
    return std::stoi(text.substr(at, size));
  };
  return std::chrono::year_month_day(std::chrono::year(number(0, 4)),
                                     std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                     std::chrono::day(static_cast<unsigned>(number(8, 2))))
      .ok();
}

void require_day(const std::string& day, const std::string& where) {
  if (day.empty() || is_day(day)) return;
  throw ConfigError(Problem{.what = "'expires' is not a day",
                            .where = where,
                            .expected = "the last day the key counts, as \"2027-01-31\"",
                            .found = day});
}

std::string expiry_in(const Settings& settings) {
  const std::string day = settings.text("expires", "");
  require_day(day, settings.where("expires"));
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

KeyPair KeyPair::load(const std::filesystem::path& file,
                      const std::filesystem::path& passphrase_file) {
  struct stat status;
  if (stat(file.c_str(), &status) == 0 && (status.st_mode & 077) != 0)
    throw ConfigError(Problem{
        .what = "others may read this secret key",
        .where = file.string(),
        .expected = "mode 0600",
        .remedy = "chmod 600 " + file.string() + "; if others had access, make a new pair"});
  const Settings settings = read(file);
  const std::string name = name_in(settings), public_key = key_in(settings, "public");
  KeySecrets secrets;
  if (settings.contains("locked")) {
    secrets = unlock_key(settings, name, public_key, passphrase_file);
  } else if (!passphrase_file.empty()) {
    throw ConfigError(
        Problem{.what = "a passphrase is given, and this key is under none",
                .where = file.string(),
                .expected = "a key that 'collegium keys new NAME --passphrase' made",
                .remedy = "make such a pair, or take passphrase_file out of the configuration"});
  } else {
    const std::string line = key_in(settings, "secret");
    zmq_z85_decode(secrets.line().data(), line.c_str());
    std::ranges::copy(signing_in(settings), secrets.signing().begin());
  }
  settings.refuse_unknown();
  std::array<char, kZ85 + 1> secret_key;
  std::array<char, kZ85 + 1> derived;
  zmq_z85_encode(secret_key.data(), secrets.line().data(), secrets.line().size());
  KeyPair pair{name, public_key, secret_key.data(), SigningKey::from_seed(secrets.signing())};
  if (zmq_curve_public(derived.data(), pair.secret_key.c_str()) != 0 ||
      pair.public_key != derived.data())
    throw ConfigError(Problem{.what = "the public and the secret half do not belong together",
                              .where = file.string(),
                              .remedy = remedy_for(file)});
  return pair;
}

void KeyPair::save(const std::filesystem::path& folder, const KeyOptions& options) const {
  require_day(options.expires, "key pair '" + name + "'");
  if (!options.expires.empty() && options.expires < today())
    throw ConfigError(Problem{.what = "this key would have expired before it was made",
                              .where = "key pair '" + name + "'",
                              .expected = "a last day from " + today() + " on",
                              .found = options.expires});
  if (options.passphrase && options.passphrase->bytes().size() < kShortestPassphrase)
    throw ConfigError(Problem{.what = "this passphrase is too short",
                              .where = "key pair '" + name + "'",
                              .expected = "at least 8 bytes; better, several words"});
  std::string text = "# Collegium secret key: stays on this machine\nname = \"" + name +
                     "\"\npublic = '" + public_key + "'\n";
  if (options.passphrase) {
    KeySecrets secrets;
    zmq_z85_decode(secrets.line().data(), secret_key.c_str());
    std::ranges::copy(signing.seed(), secrets.signing().begin());
    text += locked_key(secrets, name, public_key, *options.passphrase, options.cost);
  } else {
    text += "secret = '" + secret_key + "'\nsigning = '" + to_hex(signing.seed()) + "'\n";
  }
  std::filesystem::create_directories(folder);
  write_file(folder / (name + ".secret"), text, 0600, O_EXCL);
  PublicKey half = public_half();
  half.expires = options.expires;
  half.save(folder / (name + ".public"));
}

std::string today() {
  const auto now = std::time(nullptr);
  std::tm day{};
  gmtime_r(&now, &day);
  std::array<char, 16> text;
  std::strftime(text.data(), text.size(), "%Y-%m-%d", &day);
  return text.data();
}

}  // namespace collegium
