#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "collegium/settings.h"

namespace collegium {

// The [plugins] table: where libraries are looked for, and which bytes they have to be.
struct PluginFiles {
  std::vector<std::filesystem::path> paths;  // files or folders
  std::map<std::string, std::string> pins;   // name of a file -> BLAKE2b-256 of its bytes in hex

  // `settings` is the whole file; relative paths start at `folder`.
  static PluginFiles read(const Settings& settings, const std::filesystem::path& folder);
};

}  // namespace collegium
