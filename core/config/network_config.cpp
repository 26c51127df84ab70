#include "config/network_config.h"

#include <limits>

#include "collegium/error.h"
#include "config/check.h"

namespace collegium {
namespace {

constexpr std::size_t kHexDigits = 64;

NetworkFileName read_name(const Settings& table) {
  NetworkFileName name{
      .digest = table.text("digest"),
      .size = table.integer_in("size", 0, 1, std::numeric_limits<std::int64_t>::max())};
  const bool hex = name.digest.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!hex || name.digest.size() != kHexDigits)
    refuse_value(table, "digest", "is not a digest", "64 hex digits",
                 "'" + name.digest.substr(0, 80) + "'");
  return name;
}

void read_built_in(const Settings& table, NetworkConfig& config) {
  config.init_filters = table.integer_in("init_filters", config.init_filters, 1, 1024);
  if (config.name == "segresnet" && config.init_filters % 8 != 0) {
    refuse_value(table, "init_filters", "does not suit segresnet",
                 "a multiple of 8: its channels are normalised in 8 groups",
                 std::to_string(config.init_filters), "take 8, 16 or 32");
  }
  // Features, for the networks that take vectors.
  config.in_channels = table.integer_in("in_channels", config.in_channels, 1, 1 << 20);
  config.out_channels = table.integer_in("out_channels", config.out_channels, 1, 1024);
  config.dropout = table.number_in("dropout", config.dropout, 0.0, 0.95);
}

// "all", or a list: the one key with two types. A text that is not "all" is a list somebody forgot
// to write as one.
void read_trainable(const Settings& table, NetworkConfig& config) {
  if (!table.contains("trainable")) return;
  try {
    config.trainable = table.texts("trainable");
  } catch (const ConfigError&) {
    if (table.text("trainable") != "all") {
      refuse_value(
          table, "trainable", "cannot be used", "\"all\", or a list of parts of parameter names",
          "'" + table.text("trainable") + "'", "write [\"" + table.text("trainable") + "\"]");
    }
    return;
  }
  if (config.trainable.empty()) {
    refuse_value(table, "trainable", "leaves nothing to train",
                 "\"all\", or a list of parts of parameter names", "[]");
  }
  for (const std::string& part : config.trainable) {
    if (part.empty())
      refuse_value(table, "trainable", "holds an empty text, which every name contains", "",
                   "\"\"");
  }
}

}  // namespace

NetworkConfig NetworkConfig::read(const Settings& table) {
  NetworkConfig config;
  config.name = table.text("name", config.name);
  check_word(table, "name", config.name);
  if (config.is_graph()) {
    config.file = table.text("file", "");
    if (table.contains("graph")) config.graph = read_name(table.table("graph"));
  } else {
    read_built_in(table, config);
  }
  config.initial = table.text("initial", "");
  read_trainable(table, config);
  return config;
}

Settings NetworkConfig::to_settings() const {
  Settings table;
  table.set("name", name);
  if (graph) {
    Settings file_name;
    file_name.set("digest", graph->digest);
    file_name.set("size", graph->size);
    table.set("graph", file_name);
  }
  if (!is_graph()) {
    table.set("init_filters", init_filters);
    table.set("in_channels", in_channels);
    table.set("out_channels", out_channels);
    table.set("dropout", dropout);
  }
  if (trainable.empty()) {
    table.set("trainable", "all");
  } else {
    table.set("trainable", trainable);
  }
  return table;
}

std::int64_t volume_divisor(const NetworkConfig& network) {
  return network.name == "segresnet" ? 8 : 1;
}

}  // namespace collegium
