#pragma once
#include <string>

#include "collegium/plugin.h"

namespace collegium {

inline constexpr const char* kRebuild = "rebuild the plugin against the headers of this Collegium";

// Whether what a library says of itself fits this build, before anything else in it is called.
// Throws PluginError: name and version are words of at most 64 printable ASCII characters, since
// they stand in tables and logs.
void check_descriptor(const PluginInfo* info, const std::string& path);

}  // namespace collegium
