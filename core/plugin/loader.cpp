#include "plugin/loader.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/file.h"
#include "base/hash.h"
#include "collegium/error.h"
#include "plugin/descriptor.h"
#include "plugin/elf.h"

namespace collegium {
namespace {

// Open for as long as the process lives once keep() was called. The system's loader knows a library
// by the name it was loaded under, here /proc/self/fd/N: were N closed and used again, the next
// plugin would be taken for this one.
class PluginFile {
 public:
  explicit PluginFile(const std::string& path)
      : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (number_ < 0) {
      throw PluginError(
          {.what = std::string("cannot open the plugin: ") + std::strerror(errno),
           .where = path,
           .expected = "a plugin's .so file",
           .remedy = "check the path for spelling; relative paths start at the current folder"});
    }
  }
  PluginFile(const PluginFile&) = delete;
  PluginFile& operator=(const PluginFile&) = delete;
  ~PluginFile() {
    if (!kept_) ::close(number_);
  }
  int number() const { return number_; }
  void keep() { kept_ = true; }

 private:
  int number_;
  bool kept_ = false;
};

std::string hash_of(const PluginFile& file, const std::string& path) {
  Hasher hasher;
  std::vector<std::uint8_t> buffer(std::size_t{1} << 18);
  for (off_t offset = 0;;) {
    const ssize_t got = ::pread(file.number(), buffer.data(), buffer.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_system_error("cannot read the plugin", path, errno);
    if (got == 0) return to_hex(hasher.finish());
    hasher.add(std::span<const std::uint8_t>(buffer.data(), static_cast<std::size_t>(got)));
    offset += got;
  }
}

[[noreturn]] void refuse(const std::string& path, std::string what, std::string expected,
                         std::string found, std::string remedy = {}) {
  throw PluginError({.what = std::move(what),
                     .where = path,
                     .expected = std::move(expected),
                     .found = std::move(found),
                     .remedy = std::move(remedy)});
}

const PluginInfo& checked_info(void* library, const std::string& path) {
  using InfoFunction = const PluginInfo* (*)();
  const auto get = reinterpret_cast<InfoFunction>(::dlsym(library, "collegium_plugin_info"));
  if (!get) {
    refuse(path, "not a Collegium plugin", "the function collegium_plugin_info", "no such symbol",
           "end the plugin's source with COLLEGIUM_PLUGIN(name, \"version\") { ... }");
  }
  const PluginInfo* info = nullptr;
  try {
    info = get();
  } catch (...) {
    refuse(path, "collegium_plugin_info failed", "plain data", "an exception", kRebuild);
  }
  check_descriptor(info, path);
  return *info;
}

}  // namespace

PluginListing load_plugin(Registry& registry, const std::string& path,
                          std::string_view pinned_hash) {
  std::error_code ignored;
  const std::filesystem::path canonical = std::filesystem::canonical(path, ignored);
  const std::string name = canonical.empty() ? path : canonical.string();

  PluginFile file(path);
  require_whole_library(file.number(), name);
  const std::string hash = hash_of(file, name);
  if (Digest pinned, actual;
      !pinned_hash.empty() &&
      (!from_hex(pinned_hash, pinned) || !from_hex(hash, actual) || pinned != actual)) {
    refuse(name, "the file is not the one that was pinned", "BLAKE2b " + std::string(pinned_hash),
           hash, "restore the file, or examine the new one and pin its hash");
  }

  for (const PluginListing& loaded : registry.listings()) {
    if (loaded.hash == hash) return loaded;  // the same bytes under another path
  }

  const std::string through = "/proc/self/fd/" + std::to_string(file.number());
  void* library = ::dlopen(through.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* reason = ::dlerror();
    refuse(name, "the system cannot load the plugin", "a library whose symbols are all found",
           reason ? reason : "no reason given");
  }
  file.keep();  // also when it is refused below: a library may not be unloadable
  const PluginInfo& info = checked_info(library, name);
  return registry.take({.name = info.name, .version = info.version, .file = name, .hash = hash},
                       info.register_plugin);
}

}  // namespace collegium
