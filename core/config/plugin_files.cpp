#include "config/plugin_files.h"

#include "base/hash.h"
#include "config/check.h"

namespace collegium {

PluginFiles PluginFiles::read(const Settings& settings, const std::filesystem::path& folder) {
  const Settings table = settings.table("plugins");
  PluginFiles files;
  for (const std::string& path : table.texts("paths")) files.paths.push_back(resolve(folder, path));
  const Settings pins = table.table("pins");
  for (const std::string& name : pins.keys()) {
    const std::string hash = pins.text(name);
    if (name.empty() || name.find('/') != std::string::npos)
      refuse_value(pins, name, "names no file", "the name of a plugin's file without its folder",
                   "'" + name + "'");
    if (Digest digest; !from_hex(hash, digest))
      refuse_value(pins, name, "is no hash", "64 hexadecimal digits", "'" + hash + "'",
                   "take the hash that `collegium plugins` prints");
    files.pins[name] = hash;
  }
  return files;
}

}  // namespace collegium
