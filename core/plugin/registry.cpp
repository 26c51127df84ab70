#include "plugin/registry.h"

#include <new>
#include <utility>

#include "aggregation/built_in.h"
#include "base/names.h"
#include "collegium/error.h"
#include "collegium/version.h"

namespace collegium {
namespace {

constexpr std::string_view kAggregator = "aggregator";
constexpr std::string_view kMechanism = "mechanism";

bool is_name(std::string_view name) {  // lower-case words joined by underscores
  if (name.empty() || name.size() > 64 || name.front() < 'a' || name.front() > 'z' ||
      name.back() == '_')
    return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == name.npos;
}

// Runs what a plugin provides; only collegium::Error and a lack of memory pass as they are.
template <class F>
auto guarded(const std::string& file, const std::string& doing, F&& call) {
  try {
    return call();
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw PluginError({.what = doing + " failed",
                       .where = file,
                       .expected = "collegium::Error, if anything",
                       .found = error.what()});
  } catch (...) {
    throw PluginError({.what = doing + " failed",
                       .where = file,
                       .expected = "collegium::Error, if anything",
                       .found = "an exception that is not a std::exception"});
  }
}

template <class Factory>
auto make(const Factory& factory, const std::string& file, std::string_view name,
          const Settings& settings) {
  settings.contains("name");  // counts as known from here on
  auto made =
      guarded(file, "making '" + std::string(name) + "'", [&] { return factory(settings); });
  if (!made)
    throw PluginError({.what = "'" + std::string(name) + "' was not made",
                       .where = file,
                       .expected = "an object",
                       .found = "a null pointer"});
  settings.refuse_unknown();
  return made;
}

}  // namespace

class Registry::Collector final : public Registrar {
 public:
  explicit Collector(const PluginListing& listing) : listing_(listing) {}

  void add_aggregator(std::string name, AggregatorFactory make) override {
    const bool callable = static_cast<bool>(make);
    add(std::move(name), kAggregator, callable,
        {.aggregator = std::move(make), .mechanism = {}, .file = listing_.file});
  }
  void add_mechanism(std::string name, MechanismFactory make) override {
    const bool callable = static_cast<bool>(make);
    add(std::move(name), kMechanism, callable,
        {.aggregator = {}, .mechanism = std::move(make), .file = listing_.file});
  }

  std::map<std::string, Entry, std::less<>> entries;
  std::vector<PluginListing::Offer> offers;

 private:
  void add(std::string name, std::string_view kind, bool callable, Entry entry) {
    if (!is_name(name) || !callable) {
      throw PluginError(
          {.what = "an offered " + std::string(kind) + " cannot be registered",
           .where = listing_.file,
           .expected = callable ? "a name of lower-case words joined by underscores" : "a factory",
           .found = callable ? "'" + name.substr(0, 80) + "'" : "an empty function"});
    }
    if (!entries.emplace(name, std::move(entry)).second) {
      throw PluginError({.what = "'" + name + "' is offered twice", .where = listing_.file});
    }
    offers.push_back({std::string(kind), std::move(name)});
  }

  const PluginListing& listing_;
};

Registry::Registry() {
  take({.name = "collegium", .version = COLLEGIUM_VERSION, .file = "built in"},
       &register_built_in_aggregators);
}

PluginListing Registry::take(PluginListing listing, void (*fill)(Registrar&)) {
  const auto already = [&]() -> const PluginListing* {
    for (const PluginListing& each : listings_) {
      if (!listing.hash.empty() && each.hash == listing.hash) return &each;
    }
    return nullptr;
  };
  {
    const std::lock_guard lock(mutex_);
    if (const PluginListing* first = already()) return *first;
  }
  Collector collector(listing);
  guarded(listing.file, "registering",
          [&] { fill(collector); });  // without the lock: it is the plugin's code
  if (collector.offers.empty()) {
    throw PluginError({.what = "the plugin offers nothing",
                       .where = listing.file,
                       .expected = "at least one aggregator or mechanism",
                       .found = "none",
                       .remedy = "register it in the body of COLLEGIUM_PLUGIN"});
  }
  listing.offers = collector.offers;

  const std::lock_guard lock(mutex_);
  if (const PluginListing* first = already()) return *first;
  for (const auto& [name, entry] : collector.entries) {
    if (const auto taken = entries_.find(name); taken != entries_.end()) {
      if (taken->second.file == listing.file)
        throw PluginError(
            {.what = "the file has changed since this process loaded it",
             .where = listing.file,
             .expected = "the bytes that were loaded first, which stay in use",
             .found = "other bytes",
             .remedy = "start the process again (in a notebook: restart the kernel)"});
      throw PluginError(
          {.what = "the name '" + name + "' is already taken",
           .where = listing.file,
           .expected = "a name that is free",
           .found = "'" + name + "' from " +
                    (taken->second.file == "built in" ? "Collegium itself" : taken->second.file),
           .remedy = "remove one of the two, or rename one and rebuild it"});
    }
  }
  entries_.merge(collector.entries);
  listings_.push_back(listing);
  return listing;
}

Registry::Entry Registry::find(std::string_view name, std::string_view kind,
                               const Settings& settings) const {
  const std::vector<std::string> known = names(kind);
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(name);
  if (found != entries_.end() &&
      (kind == kAggregator ? bool(found->second.aggregator) : bool(found->second.mechanism))) {
    return found->second;
  }
  const std::string other = found == entries_.end() ? ""
                            : kind == kAggregator   ? "a mechanism"
                                                    : "an aggregator";
  throw ConfigError(
      {.what = "unknown " + std::string(kind) + " '" + std::string(name) + "'",
       .where = settings.where("name"),
       .expected =
           known.empty() ? "a loaded " + std::string(kind) + "; none is" : "one of " + join(known),
       .found = other.empty() ? std::string(name) : "'" + std::string(name) + "' is " + other,
       .remedy = did_you_mean(name, known,
                              "name its plugin file in [plugins] paths, or put it into a folder of "
                              "COLLEGIUM_PLUGIN_PATH")});
}

std::unique_ptr<Aggregator> Registry::make_aggregator(std::string_view name,
                                                      const Settings& settings) const {
  const Entry entry = find(name, kAggregator, settings);
  return make(entry.aggregator, entry.file, name, settings);
}

std::unique_ptr<PrivacyMechanism> Registry::make_mechanism(std::string_view name,
                                                           const Settings& settings) const {
  const Entry entry = find(name, kMechanism, settings);
  return make(entry.mechanism, entry.file, name, settings);
}

std::vector<std::string> Registry::names(std::string_view kind) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> result;
  for (const auto& [name, entry] : entries_) {
    if (kind == kAggregator ? bool(entry.aggregator) : bool(entry.mechanism))
      result.push_back(name);
  }
  return result;
}

std::vector<std::string> Registry::aggregators() const { return names(kAggregator); }
std::vector<std::string> Registry::mechanisms() const { return names(kMechanism); }

std::vector<PluginListing> Registry::listings() const {
  const std::lock_guard lock(mutex_);
  return listings_;
}

void Registry::set_folders(std::vector<std::string> folders) {
  const std::lock_guard lock(mutex_);
  folders_ = std::move(folders);
}

std::vector<std::string> Registry::folders() const {
  const std::lock_guard lock(mutex_);
  return folders_;
}

Registry& registry() {
  static Registry one;
  return one;
}

}  // namespace collegium
