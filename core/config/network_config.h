#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collegium/settings.h"

namespace collegium {

// A captured network is data: a safetensors file with its graph and its weights. Sites are told its
// name, which is a blob's: the hash of its chunks' hashes, in hex, and its size.
struct NetworkFileName {
  std::string digest;
  std::int64_t size = 0;  // bytes
  bool operator==(const NetworkFileName&) const = default;
};

inline constexpr const char* kGraphNetwork = "graph";  // the name of every captured network

// The [network] table: which network every process builds. Sites receive it with the run, so it
// names no files but `initial` and `file`, which only the coordinator opens.
struct NetworkConfig {
  std::string name = "segresnet";
  std::int64_t init_filters = 8;  // segresnet normalises in groups of 8: a multiple of 8
  std::int64_t in_channels = 4;
  std::int64_t out_channels = 3;
  double dropout = 0.2;  // probability; spatial dropout after the first convolution
  std::string initial;   // safetensors file with the model before round 1; empty: none is given
  std::string file;      // of a captured network: graph, weights and so the model before round 1
  std::optional<NetworkFileName>
      graph;  // what that file is; a coordinator knows it once it is read
  std::vector<std::string>
      trainable;  // substrings of the parameters that are trained; empty: all of them

  static NetworkConfig read(
      const Settings& table);  // throws ConfigError with the position of the mistake
  // Every value stated that this kind of network has; without `initial` and `file`.
  // read(to_settings()) gives the same network.
  Settings to_settings() const;
  bool is_graph() const { return name == kGraphNetwork; }
  bool operator==(const NetworkConfig&) const = default;
};

// The edge lengths that this network halves without remainder: crops and windows must be multiples
// of it; 1: any.
std::int64_t volume_divisor(const NetworkConfig& network);

}  // namespace collegium
