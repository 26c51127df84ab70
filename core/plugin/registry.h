#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "collegium/plugin.h"

namespace collegium {

// One plugin library, loaded or refused, as `collegium plugins` shows it. The built-ins are listed
// as "collegium".
struct PluginListing {
  struct Offer {
    std::string kind;  // "aggregator" or "mechanism"
    std::string name;
  };
  std::string name = {};
  std::string version = {};
  std::string file = {};  // canonical path, or "built in"
  std::string hash = {};  // BLAKE2b-256 of the file in hex; empty for the built-ins
  std::vector<Offer> offers = {};
  std::string refused_reason = {};  // empty: loaded
};

// Aggregators and mechanisms by name, from the core and from plugins alike. A name is taken once,
// whatever its kind. May be used from several threads.
class Registry {
 public:
  Registry();  // holds the built-ins
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Makes the object and refuses settings that it did not read (the key `name` is the caller's and
  // always allowed). An unknown name is a ConfigError with the known ones; whatever else a plugin
  // throws becomes a PluginError.
  std::unique_ptr<Aggregator> make_aggregator(std::string_view name,
                                              const Settings& settings) const;
  std::unique_ptr<PrivacyMechanism> make_mechanism(std::string_view name,
                                                   const Settings& settings) const;

  std::vector<std::string> aggregators() const;
  std::vector<std::string> mechanisms() const;
  std::vector<PluginListing> listings() const;  // everything loaded so far, the built-ins first

  // Folders that installed packages announced; load_plugins() scans them after the core's own.
  void set_folders(std::vector<std::string> folders);
  std::vector<std::string> folders() const;

  // Runs `fill` and takes what it registers, all or nothing; `listing` says whose it is and comes
  // back complete. A file whose hash is already here is not taken twice: its first listing comes
  // back. Throws PluginError.
  PluginListing take(PluginListing listing, void (*fill)(Registrar&));

 private:
  struct Entry {
    AggregatorFactory aggregator;  // one of the two is empty
    MechanismFactory mechanism;
    std::string file;
  };
  class Collector;

  Entry find(std::string_view name, std::string_view kind, const Settings& settings) const;
  std::vector<std::string> names(std::string_view kind) const;

  mutable std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::vector<PluginListing> listings_;
  std::vector<std::string> folders_;
};

// The process's own registry: the one global, because a loaded library is a property of the
// process.
Registry& registry();

}  // namespace collegium
