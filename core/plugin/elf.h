#pragma once
#include <string>

namespace collegium {

// Refuses, before the system's loader sees it, a file that is not a whole shared library for this
// processor: the loader maps a file by what its headers say and dies of SIGBUS when the file is
// shorter. `descriptor` is open for reading; `path` is for the message. Throws PluginError.
void require_whole_library(int descriptor, const std::string& path);

}  // namespace collegium
