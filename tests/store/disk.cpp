#include "store/disk.h"

#include <dlfcn.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace collegium::disk {
namespace {

Trouble trouble = Trouble::none;
int at = 0;
int count = 0;
bool watching = false;

std::set<std::string>& dirty() {
  static std::set<std::string> paths;
  return paths;
}

std::string path_of(int descriptor) {
  std::array<char, 4096> target{};
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const ssize_t size = ::readlink(link.c_str(), target.data(), target.size());
  return size > 0 ? std::string(target.data(), static_cast<std::size_t>(size)) : std::string();
}

bool counts(const std::string& path) {
  return path.starts_with("/") && !path.ends_with(".lock") && !path.ends_with("-shm") &&
         (!path.starts_with("/dev/") || path.starts_with("/dev/shm/"));
}

void touched(const std::string& path) {
  if (watching && counts(path)) dirty().insert(path);
}

std::string folder_of(const char* path) {
  const std::string text = path;
  return text.substr(0, text.rfind('/'));
}

// True: the call shall fail for want of space. Does not return when this call is the last thing the
// process does.
bool before(bool needs_space, void (*half)(void*) = nullptr, void* argument = nullptr) {
  if (trouble == Trouble::none || trouble == Trouble::statement_death) return false;
  ++count;
  if (trouble == Trouble::full) return needs_space && count >= at;
  if (count != at) return false;
  if (trouble == Trouble::torn_death && half != nullptr) half(argument);
  ::_exit(42);
}

void before_statement() {
  if (trouble == Trouble::statement_death && ++count == at) ::_exit(42);
}

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

template <class Call>
ssize_t a_write(int descriptor, std::size_t size, Call&& call) {
  if (const std::string path = path_of(descriptor); !counts(path)) return call(size);
  auto half = [&] { call(size / 2); };
  using Half = decltype(half);
  if (before(
          true, [](void* that) { (*static_cast<Half*>(that))(); }, &half)) {
    errno = ENOSPC;
    return -1;
  }
  touched(path_of(descriptor));
  return call(size);
}

// Here processes die, never the machine: to know that a call asked for the sync is enough, and a
// hundred times faster.
int a_sync(int descriptor) {
  before(false);
  dirty().erase(path_of(descriptor));
  return 0;
}

}  // namespace

void arm(Trouble wanted, int at_call) {
  trouble = wanted;
  at = at_call;
  count = 0;
}
int calls() { return count; }
void watch() {
  watching = true;
  dirty().clear();
}
std::set<std::string> unsynced() { return dirty(); }

}  // namespace collegium::disk

using namespace collegium::disk;

extern "C" {

int sqlite3_step(sqlite3_stmt* statement) {
  static const auto real = next<int (*)(sqlite3_stmt*)>("sqlite3_step");
  before_statement();
  return real(statement);
}

int sqlite3_exec(sqlite3* database, const char* script, int (*row)(void*, int, char**, char**),
                 void* argument, char** message) {
  static const auto real =
      next<int (*)(sqlite3*, const char*, int (*)(void*, int, char**, char**), void*, char**)>(
          "sqlite3_exec");
  before_statement();
  return real(database, script, row, argument, message);
}

ssize_t write(int descriptor, const void* data, size_t size) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t)>("write");
  return a_write(descriptor, size, [&](size_t part) { return real(descriptor, data, part); });
}

ssize_t pwrite(int descriptor, const void* data, size_t size, off_t offset) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  return a_write(descriptor, size,
                 [&](size_t part) { return real(descriptor, data, part, offset); });
}

ssize_t pwrite64(int descriptor, const void* data, size_t size, off64_t offset) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
  return a_write(descriptor, size,
                 [&](size_t part) { return real(descriptor, data, part, offset); });
}

int fsync(int descriptor) { return a_sync(descriptor); }
int fdatasync(int descriptor) { return a_sync(descriptor); }

int ftruncate(int descriptor, off_t size) noexcept {
  static const auto real = next<int (*)(int, off_t)>("ftruncate");
  before(false);
  return real(descriptor, size);
}

int ftruncate64(int descriptor, off64_t size) noexcept {
  static const auto real = next<int (*)(int, off64_t)>("ftruncate64");
  before(false);
  return real(descriptor, size);
}

int rename(const char* from, const char* to) noexcept {
  static const auto real = next<int (*)(const char*, const char*)>("rename");
  before(false);
  const int result = real(from, to);
  if (result == 0) touched(folder_of(to));
  return result;
}

int unlink(const char* path) noexcept {
  static const auto real = next<int (*)(const char*)>("unlink");
  before(false);
  return real(path);
}

}  // extern "C"
