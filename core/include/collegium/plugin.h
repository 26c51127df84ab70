#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "collegium/aggregator.h"
#include "collegium/api.h"
#include "collegium/error.h"
#include "collegium/privacy.h"
#include "collegium/settings.h"

namespace collegium {

// Bumped whenever the layout or the virtual order of anything in an installed header changes; a
// test notices when a header changes without it.
inline constexpr std::uint32_t kPluginInterface = 3;
inline constexpr std::uint32_t kPluginMagic = 0x4d4c4f43;  // "COLM"

using AggregatorFactory = std::function<std::unique_ptr<Aggregator>(const Settings&)>;
using MechanismFactory = std::function<std::unique_ptr<PrivacyMechanism>(const Settings&)>;

// Takes down what a plugin offers. Names are lower-case words joined by underscores; a name is
// taken once a process.
class COLLEGIUM_API Registrar {
 public:
  virtual ~Registrar();
  virtual void add_aggregator(std::string name, AggregatorFactory make) = 0;
  virtual void add_mechanism(std::string name, MechanismFactory make) = 0;

  template <class T>
  void aggregator(std::string name) {
    add_aggregator(std::move(name),
                   [](const Settings& settings) { return std::make_unique<T>(settings); });
  }
  template <class T>
  void mechanism(std::string name) {
    add_mechanism(std::move(name),
                  [](const Settings& settings) { return std::make_unique<T>(settings); });
  }
};

// What a plugin library returns from `extern "C" collegium_plugin_info()`: plain data, checked
// field by field before anything else in the library is called.
struct PluginInfo {
  std::uint32_t magic;      // kPluginMagic
  std::uint32_t size;       // sizeof(PluginInfo) as the plugin was compiled
  std::uint32_t interface;  // kPluginInterface as the plugin was compiled
  const char* toolchain;    // standard library and its ABI: std::string crosses the boundary
  const char* name;
  const char* version;
  void (*register_plugin)(Registrar&);
};

// "libstdc++ cxx11" or similar; a mismatch is refused.
#if defined(_LIBCPP_VERSION)
#define COLLEGIUM_TOOLCHAIN "libc++"
#elif defined(_GLIBCXX_USE_CXX11_ABI) && _GLIBCXX_USE_CXX11_ABI
#define COLLEGIUM_TOOLCHAIN "libstdc++ cxx11"
#else
#define COLLEGIUM_TOOLCHAIN "libstdc++ old"
#endif

}  // namespace collegium

// COLLEGIUM_PLUGIN(my_median, "0.1.0") { registrar.aggregator<MyMedian>("my_median"); }
#define COLLEGIUM_PLUGIN(plugin_name, plugin_version)                               \
  static void collegium_register_##plugin_name(::collegium::Registrar& registrar);  \
  extern "C" COLLEGIUM_API const ::collegium::PluginInfo* collegium_plugin_info() { \
    static const ::collegium::PluginInfo info{::collegium::kPluginMagic,            \
                                              sizeof(::collegium::PluginInfo),      \
                                              ::collegium::kPluginInterface,        \
                                              COLLEGIUM_TOOLCHAIN,                  \
                                              #plugin_name,                         \
                                              plugin_version,                       \
                                              &collegium_register_##plugin_name};   \
    return &info;                                                                   \
  }                                                                                 \
  static void collegium_register_##plugin_name([[maybe_unused]] ::collegium::Registrar& registrar)
