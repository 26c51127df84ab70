#pragma once
#include "config/plugin_files.h"

namespace collegium {

// Into the process's registry: what the configuration, the environment and the package name.
// `pinned_only`: a library that no pin names is refused. Throws PluginError.
void load_configured_plugins(const PluginFiles& files, bool pinned_only = false);

}  // namespace collegium
