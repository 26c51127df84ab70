#include "runtime/configured_plugins.h"

#include "plugin/loader.h"
#include "plugin/registry.h"

namespace collegium {

void load_configured_plugins(const PluginFiles& files, bool pinned_only) {
  PluginSearch search{.paths = {}, .pins = files.pins, .pinned_only = pinned_only};
  for (const auto& path : files.paths) search.paths.push_back(path.string());
  load_plugins(registry(), search);
}

}  // namespace collegium
