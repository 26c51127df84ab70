#include "simulation/virtual_disk.h"

#include <dlfcn.h>
#include <linux/fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <string_view>

namespace collegium::simulated {
namespace {

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}
int real_rename(const char* from, const char* to) {
  static const auto real = next<int (*)(const char*, const char*)>("rename");
  return real(from, to);
}
int real_unlink(const char* path) {
  static const auto real = next<int (*)(const char*)>("unlink");
  return real(path);
}

std::map<std::string, VirtualDisk*, std::less<>>& disks() {
  static std::map<std::string, VirtualDisk*, std::less<>>
      all;  // by folder, with a slash at its end
  return all;
}

std::string path_of(int descriptor) {
  std::array<char, 4096> target{};
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const ssize_t size = ::readlink(link.c_str(), target.data(), target.size());
  return size > 0 ? std::string(target.data(), static_cast<std::size_t>(size)) : std::string();
}

// Locks and SQLite's shared memory hold nothing that must last.
VirtualDisk* disk_of(std::string_view path) {
  if (disks().empty() || path.ends_with(".lock") || path.ends_with("-shm")) return nullptr;
  for (const auto& [folder, disk] : disks())
    if (path.starts_with(folder) || path == std::string_view(folder).substr(0, folder.size() - 1))
      return disk;
  return nullptr;
}

std::uint64_t inode_of(int descriptor) {
  struct stat facts {};
  return ::fstat(descriptor, &facts) == 0 ? facts.st_ino : 0;
}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

VirtualDisk::VirtualDisk(std::filesystem::path folder)
    : folder_(std::move(folder)), hidden_(folder_.string() + ".hidden") {
  std::filesystem::create_directories(folder_);
  std::filesystem::create_directories(hidden_);
  disks()[folder_.string() + "/"] = this;
}

VirtualDisk::~VirtualDisk() { disks().erase(folder_.string() + "/"); }

void VirtualDisk::arm(Trouble trouble, int at) {
  trouble_ = trouble;
  at_ = at;
  count_ = 0;
}

int VirtualDisk::before_change(bool needs_space) {
  if (dead_) return EIO;
  if (trouble_ == Trouble::none || ++count_ < at_) return 0;
  if (trouble_ == Trouble::full) return needs_space ? ENOSPC : 0;
  dead_ = true;
  return EIO;
}

void VirtualDisk::before_write(std::uint64_t inode, const std::string& path) {
  if (const auto [at, fresh] = unsynced_.try_emplace(inode); fresh)
    at->second.before = content_of(path);
}

void VirtualDisk::written(std::uint64_t inode, std::uint64_t at, std::string bytes) {
  unsynced_[inode].writes.push_back({at, std::move(bytes), false});
}

void VirtualDisk::resized(std::uint64_t inode, std::uint64_t size) {
  unsynced_[inode].writes.push_back({size, {}, true});
}

void VirtualDisk::synced(std::uint64_t inode, const std::string& path) {
  if (!honest_) return;
  unsynced_.erase(inode);
  std::erase_if(renamings_, [&](const Renaming& one) {
    return parent_of(one.to.empty() ? one.path : one.to) == path;
  });
}

void VirtualDisk::created(const std::string& path) {
  renamings_.push_back({Renaming::What::created, path, {}, {}});
}

std::string VirtualDisk::kept(const std::string& path) {
  const std::string name = (hidden_ / std::to_string(++hidden_names_)).string();
  return ::link(path.c_str(), name.c_str()) == 0 ? name : std::string();
}

void VirtualDisk::renamed(const std::string& from, const std::string& to, std::string hidden) {
  renamings_.push_back({Renaming::What::renamed, from, to, std::move(hidden)});
}

void VirtualDisk::unlinked(const std::string& path, std::string hidden) {
  renamings_.push_back({Renaming::What::unlinked, path, {}, std::move(hidden)});
}

void VirtualDisk::undo(const Renaming& one) {
  switch (one.what) {
    case Renaming::What::created:
      real_unlink(one.path.c_str());
      break;
    case Renaming::What::renamed:
      real_rename(one.to.c_str(), one.path.c_str());
      if (!one.hidden.empty()) real_rename(one.hidden.c_str(), one.to.c_str());
      break;
    case Renaming::What::unlinked:
      if (!one.hidden.empty()) real_rename(one.hidden.c_str(), one.path.c_str());
      break;
  }
}

void VirtualDisk::lose(const std::string& path, const Unsynced& unsynced, std::mt19937_64& random) {
  std::string content = unsynced.before;
  const std::uint64_t fate = random() % 4;  // nothing of it is there, all of it, or a part
  const std::size_t prefix = random() % (unsynced.writes.size() + 1);
  for (std::size_t i = 0; i < unsynced.writes.size(); ++i) {
    const Write& write = unsynced.writes[i];
    if (fate == 0 || (fate == 2 && i > prefix) || (fate == 3 && random() % 2 == 0)) continue;
    if (write.resize) {
      content.resize(write.at);
      continue;
    }
    const bool torn = fate == 2 && i == prefix;
    const std::size_t size = torn ? random() % (write.bytes.size() + 1) : write.bytes.size();
    if (size == 0) continue;
    if (content.size() < write.at + size) content.resize(write.at + size);
    std::copy_n(write.bytes.begin(), size, content.begin() + static_cast<std::ptrdiff_t>(write.at));
  }
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

void VirtualDisk::restart(bool power_lost, std::mt19937_64& random) {
  dead_ = false;
  arm(Trouble::none, 0);
  if (!power_lost) return;
  const std::uint64_t fate = random() % 3;
  const std::size_t stay = fate == 0   ? 0
                           : fate == 1 ? renamings_.size()
                                       : random() % (renamings_.size() + 1);
  for (; renamings_.size() > stay; renamings_.pop_back()) undo(renamings_.back());
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder_)) {
    struct stat facts {};
    const std::string path = file.path().string();
    if (::stat(path.c_str(), &facts) != 0) continue;
    if (path.ends_with("-shm")) {
      real_unlink(path.c_str());
    } else if (const auto found = unsynced_.find(facts.st_ino); found != unsynced_.end()) {
      lose(path, found->second, random);
    }
  }
  unsynced_.clear();
  renamings_.clear();
}

namespace {

template <class Call>
ssize_t a_write(int descriptor, const void* data, std::int64_t at, Call&& call) {
  const std::string path = disks().empty() ? std::string() : path_of(descriptor);
  VirtualDisk* disk = disk_of(path);
  if (!disk) return call();
  if (const int error = disk->before_change(true)) {
    errno = error;
    return -1;
  }
  const std::uint64_t inode = inode_of(descriptor);
  disk->before_write(inode, path);
  const std::int64_t from = at >= 0 ? at : ::lseek(descriptor, 0, SEEK_CUR);
  const ssize_t done = call();
  if (done > 0)
    disk->written(inode, static_cast<std::uint64_t>(from),
                  {static_cast<const char*>(data), static_cast<std::size_t>(done)});
  return done;
}

template <class Call>
int a_resize(int descriptor, std::int64_t size, Call&& call) {
  const std::string path = disks().empty() ? std::string() : path_of(descriptor);
  VirtualDisk* disk = disk_of(path);
  if (!disk) return call();
  if (const int error = disk->before_change(false)) {
    errno = error;
    return -1;
  }
  const std::uint64_t inode = inode_of(descriptor);
  disk->before_write(inode, path);
  const int done = call();
  if (done == 0) disk->resized(inode, static_cast<std::uint64_t>(size));
  return done;
}

// Never a real one: here the machine is a folder in memory.
int a_sync(int descriptor) {
  const std::string path = disks().empty() ? std::string() : path_of(descriptor);
  VirtualDisk* disk = disk_of(path);
  if (!disk) return 0;
  if (const int error = disk->before_change(false)) {
    errno = error;
    return -1;
  }
  disk->synced(inode_of(descriptor), path);
  return 0;
}

template <class Call>
int an_open(const char* path, int flags, Call&& call) {
  VirtualDisk* disk = (flags & O_CREAT) != 0 ? disk_of(path) : nullptr;
  struct stat facts {};
  if (!disk || ::stat(path, &facts) == 0) return call();
  if (const int error = disk->before_change(true)) {
    errno = error;
    return -1;
  }
  const int descriptor = call();
  if (descriptor >= 0) disk->created(path);
  return descriptor;
}

template <class Call>
int an_unlink(const char* path, Call&& call) {
  VirtualDisk* disk = disk_of(path);
  if (!disk) return call();
  if (const int error = disk->before_change(false)) {
    errno = error;
    return -1;
  }
  std::string hidden = disk->kept(path);
  const int done = call();
  if (done == 0) disk->unlinked(path, std::move(hidden));
  return done;
}

}  // namespace
}  // namespace collegium::simulated

using namespace collegium::simulated;

extern "C" {

ssize_t write(int descriptor, const void* data, size_t size) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t)>("write");
  return a_write(descriptor, data, -1, [&] { return real(descriptor, data, size); });
}

ssize_t pwrite(int descriptor, const void* data, size_t size, off_t offset) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  return a_write(descriptor, data, offset, [&] { return real(descriptor, data, size, offset); });
}

ssize_t pwrite64(int descriptor, const void* data, size_t size, off64_t offset) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
  return a_write(descriptor, data, offset, [&] { return real(descriptor, data, size, offset); });
}

int fsync(int descriptor) { return a_sync(descriptor); }
int fdatasync(int descriptor) { return a_sync(descriptor); }

int ftruncate(int descriptor, off_t size) noexcept {
  static const auto real = next<int (*)(int, off_t)>("ftruncate");
  return a_resize(descriptor, size, [&] { return real(descriptor, size); });
}

int ftruncate64(int descriptor, off64_t size) noexcept {
  static const auto real = next<int (*)(int, off64_t)>("ftruncate64");
  return a_resize(descriptor, size, [&] { return real(descriptor, size); });
}

int open(const char* path, int flags, ...) {
  static const auto real = next<int (*)(const char*, int, ...)>("open");
  va_list rest;
  va_start(rest, flags);
  const auto mode = va_arg(rest, mode_t);
  va_end(rest);
  return an_open(path, flags, [&] { return real(path, flags, mode); });
}

int open64(const char* path, int flags, ...) {
  static const auto real = next<int (*)(const char*, int, ...)>("open64");
  va_list rest;
  va_start(rest, flags);
  const auto mode = va_arg(rest, mode_t);
  va_end(rest);
  return an_open(path, flags, [&] { return real(path, flags, mode); });
}

int rename(const char* from, const char* to) noexcept {
  VirtualDisk* disk = disk_of(to);
  if (!disk) return real_rename(from, to);
  if (const int error = disk->before_change(false)) {
    errno = error;
    return -1;
  }
  std::string hidden = disk->kept(to);
  const int done = real_rename(from, to);
  if (done == 0) disk->renamed(from, to, std::move(hidden));
  return done;
}

int unlink(const char* path) noexcept {
  return an_unlink(path, [&] { return real_unlink(path); });
}

int remove(const char* path) noexcept {
  static const auto real = next<int (*)(const char*)>("remove");
  return an_unlink(path, [&] { return real(path); });
}

}  // extern "C"
