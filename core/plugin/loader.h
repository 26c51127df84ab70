#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/registry.h"

namespace collegium {

// Loads one library into `registry`. The file is opened once: it is hashed, held against
// `pinned_hash` (64 hex digits; empty: not pinned), examined as ELF and loaded through that one
// descriptor, so what was checked is what runs. Libraries are never unloaded. Throws PluginError
// with file, expected, found and remedy.
PluginListing load_plugin(Registry& registry, const std::string& path,
                          std::string_view pinned_hash = {});

struct PluginSearch {
  std::vector<std::string> paths;           // from the configuration: files or folders
  std::map<std::string, std::string> pins;  // file name without folder -> hash in hex
  bool pinned_only = false;  // refuse what no pin names, also what the process has loaded before
  bool environment = true;   // COLLEGIUM_PLUGIN_PATH: files or folders between colons
  bool package = true;  // the folder `plugins` beside the core library, or one level above it; then
                        // the registry's folders
};

// Loads everything the search finds, in that order. A file named in the configuration or the
// environment that fails is an error, and so are a pinned one wherever it was found, a named path
// that does not exist and a pin of no file. Another file found by scanning a folder that fails is
// listed with its reason. Returns one listing a file.
std::vector<PluginListing> load_plugins(Registry& registry, const PluginSearch& search);

// The folders of `package` that exist.
std::vector<std::string> package_plugin_folders();

}  // namespace collegium
