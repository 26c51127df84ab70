#include "config/network_config.h"

#include "collegium/error.h"
#include "config/check.h"

namespace collegium {

NetworkConfig NetworkConfig::read(const Settings& table) {
  NetworkConfig config;
  config.name = table.text("name", config.name);
  check_word(table, "name", config.name);
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
  config.initial = table.text("initial", "");
  if (!table.contains("trainable")) return config;
  // "all", or a list: the one key with two types. A text that is not "all" is a list somebody
  // forgot to write as one.
  try {
    config.trainable = table.texts("trainable");
  } catch (const ConfigError&) {
    if (table.text("trainable") != "all") {
      refuse_value(
          table, "trainable", "cannot be used", "\"all\", or a list of parts of parameter names",
          "'" + table.text("trainable") + "'", "write [\"" + table.text("trainable") + "\"]");
    }
    return config;
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
  return config;
}

Settings NetworkConfig::to_settings() const {
  Settings table;
  table.set("name", name);
  table.set("init_filters", init_filters);
  table.set("in_channels", in_channels);
  table.set("out_channels", out_channels);
  table.set("dropout", dropout);
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
