#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <utility>

#include "base/hash.h"
#include "base/names.h"
#include "collegium/error.h"
#include "plugin/loader.h"

namespace collegium {
namespace {

namespace fs = std::filesystem;

bool same_hash(const std::string& a, const std::string& b) {
  Digest first, second;
  return from_hex(a, first) && from_hex(b, second) && first == second;
}

class Finder {
 public:
  Finder(Registry& registry, const PluginSearch& search) : registry_(registry), search_(search) {}

  void named(const std::string& path,
             const std::string& origin) {  // a file or a folder that somebody asked for
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (fs::is_directory(status)) {
      folder(path);
    } else if (!fs::exists(status)) {
      throw PluginError(
          {.what = "there is no such plugin file or folder",
           .where = path,
           .expected = "what " + origin + " names",
           .remedy = "check the path for spelling; relative paths start at the current folder"});
    } else {
      load(path);
    }
  }

  void folder(const std::string& path) {
    std::vector<std::string> files;
    std::error_code error;
    for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
      if (at->path().extension() == ".so") files.push_back(at->path());
    }
    if (error)
      throw PluginError({.what = "cannot read the folder: " + error.message(), .where = path});
    std::sort(files.begin(), files.end());  // directory order differs from machine to machine
    for (const std::string& file : files) {
      try {
        load(file);
      } catch (const Error& refusal) {
        if (pinned(file)) throw;  // somebody relies on that file
        add({.name = fs::path(file).stem(), .file = file, .refused_reason = refusal.what()});
      }
    }
  }

  std::vector<PluginListing> found() { return std::move(found_); }

  // A misspelt pin would protect nothing.
  void require_pinned_files() const {
    for (const auto& [name, hash] : search_.pins) {
      if (seen_.contains(name)) continue;
      throw PluginError(
          {.what = "no plugin file has the pinned name '" + name + "'",
           .where = "[plugins] pins",
           .expected = "the name of a file that was found",
           .found = seen_.empty() ? "none" : "one of " + join({seen_.begin(), seen_.end()}),
           .remedy = "check the name for spelling, and [plugins] paths"});
    }
  }

  // Libraries stay loaded: what came earlier in this process counts too.
  void require_pins() const {
    for (const PluginListing& loaded : registry_.listings()) {
      const auto is_its = [&](const auto& pin) { return same_hash(pin.second, loaded.hash); };
      if (loaded.hash.empty() || std::any_of(search_.pins.begin(), search_.pins.end(), is_its))
        continue;
      throw PluginError({.what = "this process has loaded a plugin that is not pinned",
                         .where = loaded.file,
                         .expected = "its hash under [plugins] pins",
                         .found = loaded.hash,
                         .remedy = "start again without it, or examine it and pin its hash"});
    }
  }

 private:
  void load(const std::string& file) {
    const std::string name = fs::path(file).filename();
    seen_.insert(name);
    const auto pin = search_.pins.find(name);
    if (pin == search_.pins.end() && search_.pinned_only)
      throw PluginError({.what = "the plugin is not pinned, and only pinned ones are wanted",
                         .where = file,
                         .expected = "its hash under [plugins] pins",
                         .remedy = "examine it, and pin the hash that `collegium plugins` prints"});
    add(load_plugin(registry_, file, pin == search_.pins.end() ? "" : pin->second));
  }

  bool pinned(const std::string& file) const {
    return search_.pins.contains(fs::path(file).filename());
  }

  void add(PluginListing listing) {
    for (const PluginListing& each : found_) {
      if (each.file == listing.file && each.refused_reason == listing.refused_reason) return;
    }
    found_.push_back(std::move(listing));
  }

  Registry& registry_;
  const PluginSearch& search_;
  std::set<std::string> seen_;  // names of files, without folders
  std::vector<PluginListing> found_;
};

}  // namespace

std::vector<std::string> package_plugin_folders() {
  Dl_info here{};
  if (::dladdr(reinterpret_cast<const void*>(&package_plugin_folders), &here) == 0 ||
      !here.dli_fname)
    return {};
  std::error_code error;
  const fs::path library = fs::canonical(here.dli_fname, error);
  if (error) return {};
  std::vector<std::string> folders;
  for (const fs::path& candidate :
       {library.parent_path() / "plugins", library.parent_path().parent_path() / "plugins"}) {
    if (fs::is_directory(candidate, error)) folders.push_back(candidate);
  }
  return folders;
}

std::vector<PluginListing> load_plugins(Registry& registry, const PluginSearch& search) {
  Finder finder(registry, search);
  for (const std::string& path : search.paths) finder.named(path, "[plugins] paths");
  if (const char* list = search.environment ? std::getenv("COLLEGIUM_PLUGIN_PATH") : nullptr) {
    std::string_view left = list;
    while (!left.empty()) {
      const std::size_t end = std::min(left.find(':'), left.size());
      if (end > 0) finder.named(std::string(left.substr(0, end)), "COLLEGIUM_PLUGIN_PATH");
      left.remove_prefix(std::min(end + 1, left.size()));
    }
  }
  if (search.package) {
    for (const std::string& folder : package_plugin_folders()) finder.folder(folder);
    for (const std::string& folder : registry.folders()) finder.folder(folder);
  }
  finder.require_pinned_files();
  if (search.pinned_only) finder.require_pins();
  return finder.found();
}

}  // namespace collegium
