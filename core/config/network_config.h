#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "collegium/settings.h"

namespace collegium {

// The [network] table: which network every process builds. Sites receive it with the run, so it
// names no files but `initial`, which only the coordinator opens.
struct NetworkConfig {
  std::string name = "segresnet";
  std::int64_t init_filters = 8;  // segresnet normalises in groups of 8: a multiple of 8
  std::int64_t in_channels = 4;
  std::int64_t out_channels = 3;
  double dropout = 0.2;  // probability; spatial dropout after the first convolution
  std::string initial;   // safetensors file with the model before round 1; empty: none is given
  std::vector<std::string>
      trainable;  // substrings of the parameters that are trained; empty: all of them

  static NetworkConfig read(
      const Settings& table);  // throws ConfigError with the position of the mistake
  Settings to_settings()
      const;  // every value stated; without `initial`. read(to_settings()) gives the same network
  bool operator==(const NetworkConfig&) const = default;
};

// The edge lengths that this network halves without remainder: crops and windows must be multiples
// of it; 1: any.
std::int64_t volume_divisor(const NetworkConfig& network);

}  // namespace collegium
