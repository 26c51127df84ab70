#include "store/file_identity.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <fstream>

#include "base/file.h"
#include "base/hash.h"

namespace collegium {
namespace {

// A hash of it: the machine's own id stays on the machine (machine-id(5)).
std::string machine() {
  std::string id;
  std::ifstream("/etc/machine-id") >> id;
  return id.empty() ? "any" : to_hex(hash_text("collegium ledger " + id)).substr(0, 16);
}

}  // namespace

std::string file_identity(const std::filesystem::path& file) {
  struct statx facts {};
  if (::statx(AT_FDCWD, file.c_str(), AT_STATX_SYNC_AS_STAT, STATX_INO | STATX_BTIME, &facts) != 0)
    throw_system_error("cannot look at", file.string(), errno);
  std::string identity = machine() + "-" + std::to_string(facts.stx_ino);
  if ((facts.stx_mask & STATX_BTIME) != 0)
    identity += "-" + std::to_string(facts.stx_btime.tv_sec) + "." +
                std::to_string(facts.stx_btime.tv_nsec);
  return identity;
}

}  // namespace collegium
