#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "collegium/error.h"
#include "plugin/loader.h"

namespace collegium {
namespace {

namespace fs = std::filesystem;

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
      add(load_plugin(registry_, path, pin_of(path)));
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
        add(load_plugin(registry_, file, pin_of(file)));
      } catch (const Error& refusal) {
        add({.name = fs::path(file).stem(), .file = file, .refused_reason = refusal.what()});
      }
    }
  }

  std::vector<PluginListing> found() { return std::move(found_); }

 private:
  void add(PluginListing listing) {
    for (const PluginListing& each : found_) {
      if (each.file == listing.file && each.refused_reason == listing.refused_reason) return;
    }
    found_.push_back(std::move(listing));
  }

  std::string pin_of(const std::string& file) const {
    const auto pin = search_.pins.find(fs::path(file).filename());
    return pin == search_.pins.end() ? "" : pin->second;
  }

  Registry& registry_;
  const PluginSearch& search_;
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
  }
  return finder.found();
}

}  // namespace collegium
