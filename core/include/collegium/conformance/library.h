#pragma once
#include <dlfcn.h>

#include <string>
#include <utility>
#include <vector>

#include "collegium/plugin.h"

namespace collegium::conformance {

// What a library offers, taken down without Collegium's own loader.
class Offers final : public Registrar {
 public:
  explicit Offers(const std::string& file) {
    void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    const char* reason = library ? nullptr : ::dlerror();
    if (!library) throw PluginError({.what = reason ? reason : "cannot be loaded", .where = file});
    const auto info =
        reinterpret_cast<const PluginInfo* (*)()>(::dlsym(library, "collegium_plugin_info"));
    if (!info) throw PluginError({.what = "there is no COLLEGIUM_PLUGIN in it", .where = file});
    if (info()->interface != kPluginInterface)
      throw PluginError({.what = "built against other headers", .where = file});
    info()->register_plugin(*this);
  }
  void add_aggregator(std::string name, AggregatorFactory make) override {
    aggregators.emplace_back(std::move(name), std::move(make));
  }
  void add_mechanism(std::string name, MechanismFactory make) override {
    mechanisms.emplace_back(std::move(name), std::move(make));
  }

  std::vector<std::pair<std::string, AggregatorFactory>> aggregators;
  std::vector<std::pair<std::string, MechanismFactory>> mechanisms;
};

}  // namespace collegium::conformance
