#include "transport/key_lock.h"

#include <algorithm>

#include "base/hash.h"
#include "collegium/error.h"

namespace collegium {
namespace {

constexpr const char* kMethod = "argon2id-xchacha20poly1305";

std::string about(const std::string& name, const std::string& public_key) {
  return "collegium/key/v1\n" + name + "\n" + public_key;
}

}  // namespace

std::string locked_key(const KeySecrets& secrets, const std::string& name,
                       const std::string& public_key, const Passphrase& passphrase,
                       GuessCost cost) {
  const Sealed sealed = seal(secrets.bytes, about(name, public_key), passphrase, cost);
  return "locked = '" + to_hex(sealed.box) + "'\nlock = { method = \"" + kMethod +
         "\", passes = " + std::to_string(sealed.cost.passes) +
         ", memory = " + std::to_string(sealed.cost.memory) + ", salt = '" + to_hex(sealed.salt) +
         "' }\n";
}

KeySecrets unlock_key(const Settings& file, const std::string& name, const std::string& public_key,
                      const std::filesystem::path& passphrase_file) {
  const Settings lock = file.table("lock");
  lock.one_of("method", "nothing", {kMethod});
  lock.integer("passes");  // both are refused when they are missing
  lock.integer("memory");
  Sealed sealed{.cost = {.passes = lock.integer_in("passes", 1, 1, GuessCost::kMostPasses),
                         .memory = lock.integer_in("memory", 1, GuessCost::kLeastMemory,
                                                   GuessCost::kMostMemory)}};
  KeySecrets secrets;
  sealed.box.resize(secrets.bytes.size() + Sealed::kOverhead);
  const std::string where = file.where("locked");
  if (!from_hex(lock.text("salt"), sealed.salt) || !from_hex(file.text("locked"), sealed.box))
    throw ConfigError(
        Problem{.what = "this locked key is not whole",
                .where = where,
                .expected = std::to_string(2 * sealed.box.size()) + " hex digits, and a salt of 32",
                .remedy = "take the file from a backup"});
  const Passphrase passphrase =
      passphrase_file.empty()
          ? Passphrase::from_terminal(name + "'s key",
                                      "name a file that holds it, as passphrase_file in [site] or "
                                      "[server]; \"/dev/fd/3\" is descriptor 3")
          : Passphrase::from_file(passphrase_file);
  auto opened = unseal(sealed, about(name, public_key), passphrase);
  if (!opened)
    throw ConfigError(Problem{
        .what = "the passphrase does not open this key",
        .where = where,
        .expected =
            "the one that was chosen when the key was made, and a file that nobody changed"});
  std::ranges::copy(*opened, secrets.bytes.begin());
  wipe(*opened);
  return secrets;
}

}  // namespace collegium
