#include "store/lock_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "collegium/error.h"

namespace collegium {
namespace {

std::string holder_of(int descriptor) {
  std::array<char, 32> text{};
  const ssize_t size = pread(descriptor, text.data(), text.size() - 1, 0);
  if (size <= 0) return "another process";
  return "process " + std::string(text.data(), std::strcspn(text.data(), "\n"));
}

}  // namespace

LockFile::LockFile(std::filesystem::path file, const std::string& what) {
  descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) {
    throw SystemError(
        Problem{.what = std::string("cannot open the lock file: ") + std::strerror(errno),
                .where = file.string(),
                .remedy = "check that the folder exists and that this user may write in it"});
  }
  // Locks of the open file, not of the process: a second lock in the same process is refused too,
  // and closing another descriptor of the file does not let go.
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(descriptor_, F_OFD_SETLK, &lock) != 0) {
    const int reason = errno;
    const std::string holder = holder_of(descriptor_);
    ::close(std::exchange(descriptor_, -1));
    if (reason == EAGAIN || reason == EACCES) {
      throw SystemError(
          Problem{.what = what + " is in use",
                  .where = file.string(),
                  .expected = "one writer at a time",
                  .found = holder + " holds it",
                  .remedy = "stop that process, or give this one a folder of its own"});
    }
    throw SystemError(
        Problem{.what = std::string("cannot lock: ") + std::strerror(reason),
                .where = file.string(),
                .remedy = "put the folder on a local disk: this file system has no locks"});
  }
  const std::string mine = std::to_string(::getpid()) + "\n";
  // The number is for people; failing to write it does not weaken the lock.
  if (::ftruncate(descriptor_, 0) == 0 && ::pwrite(descriptor_, mine.data(), mine.size(), 0) < 0)
    return;
}

LockFile::LockFile(LockFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

LockFile::~LockFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace collegium
