#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/descriptor.h"
#include "collegium/error.h"

namespace collegium {
namespace {

std::string remedy_for(int error) {
  switch (error) {
    case ENOSPC:
      return "the disk is full: free some space and start again, nothing was lost";
    case EDQUOT:
      return "the disk quota is used up: free some space and start again, nothing was lost";
    case EROFS:
      return "the file system is mounted read-only: choose another folder";
    case EACCES:
    case EPERM:
      return "give this user permission, or choose another path";
    case ENOENT:
      return "check the path for spelling; relative paths start at the current folder";
    case ENOTDIR:
      return "a part of the path is a file, not a folder";
    case EISDIR:
      return "the path is a folder; a file is needed";
    case EMFILE:
    case ENFILE:
      return "too many open files: raise the limit (ulimit -n)";
    default:
      return "";
  }
}

void write_all(const Descriptor& file, std::span<const std::uint8_t> bytes,
               const std::string& path) {
  constexpr std::size_t kAtMost = std::size_t{1} << 30;  // one write() moves less than 2 GiB
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.get(), bytes.data(), std::min(bytes.size(), kAtMost));
    if (written < 0) {
      if (errno == EINTR) continue;
      throw_system_error("cannot write", path, errno);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void sync_folder(const std::filesystem::path& folder) {
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0) throw_system_error("cannot open the folder", folder, errno);
  if (::fsync(directory.get()) != 0 && errno != EINVAL)
    throw_system_error("cannot sync the folder", folder, errno);
}

template <class Container>
Container read_whole(const std::string& path, std::size_t limit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) throw_system_error("cannot read", path, errno);
  struct stat status;
  if (::fstat(file.get(), &status) != 0) throw_system_error("cannot read", path, errno);
  if (S_ISDIR(status.st_mode)) throw_system_error("cannot read", path, EISDIR);
  Container bytes;
  bytes.resize(
      std::min<std::size_t>(static_cast<std::size_t>(std::max<off_t>(status.st_size, 0)), limit));
  std::size_t filled = 0;
  for (;;) {  // the size is a hint: the file may grow, and files under /proc say 0
    if (filled == bytes.size())
      bytes.resize(std::min(filled + std::max<std::size_t>(filled / 2, 4096), limit + 1));
    const ssize_t got = ::read(file.get(), bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_system_error("cannot read", path, errno);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
    if (filled > limit) {
      throw SystemError(
          {.what = "the file is too large",
           .where = path,
           .expected = "at most " + std::to_string(limit) + " bytes",
           .found = status.st_size > 0 ? std::to_string(status.st_size) + " bytes" : "more"});
    }
  }
  bytes.resize(filled);
  return bytes;
}

}  // namespace

void throw_system_error(std::string what, const std::string& where, int error) {
  throw SystemError({.what = std::move(what) + ": " + std::generic_category().message(error),
                     .where = where,
                     .remedy = remedy_for(error)});
}

std::vector<std::uint8_t> read_file(const std::string& path, std::size_t limit) {
  return read_whole<std::vector<std::uint8_t>>(path, limit);
}

std::string read_text(const std::string& path, std::size_t limit) {
  return read_whole<std::string>(path, limit);
}

void write_file_atomically(const std::string& path,
                           std::initializer_list<std::span<const std::uint8_t>> parts,
                           unsigned mode) {
  static std::atomic<unsigned> counter{0};
  const std::string temporary = path + "." + std::to_string(::getpid()) + "-" +
                                std::to_string(counter.fetch_add(1)) + ".partial";
  try {
    Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (file.get() < 0) throw_system_error("cannot write", path, errno);
    for (const std::span<const std::uint8_t> part : parts) write_all(file, part, path);
    if (::fsync(file.get()) != 0) throw_system_error("cannot sync", path, errno);
    if (file.close() != 0) throw_system_error("cannot write", path, errno);
    if (::rename(temporary.c_str(), path.c_str()) != 0)
      throw_system_error("cannot replace", path, errno);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  sync_folder(folder.empty() ? "." : folder);
}

void write_file_atomically(const std::string& path, std::string_view text, unsigned mode) {
  write_file_atomically(
      path, {std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size())}, mode);
}

void make_folders(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw_system_error("cannot make the folder", path, error.value());
}

}  // namespace collegium
