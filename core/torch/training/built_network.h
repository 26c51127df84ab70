#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "collegium/layout.h"
#include "config/network_config.h"
#include "model/graph_admission.h"
#include "torch/network/network.h"
#include "torch/training/losses.h"

namespace collegium {

// A network with what came with it.
struct BuiltNetwork {
  NetworkConfig config;
  std::shared_ptr<const Network> network;
  Layout layout;
  std::shared_ptr<const Loss> loss = {};  // captured with it; null: none was
  std::vector<float> values = {};         // of its file; empty: a built-in network has none
  std::vector<std::int64_t> window = {};  // the only volume it takes; empty: any
};

// The network of a [network] table. `file` holds a captured one: it is checked whole, against
// `policy` too, before anything of it is run. Throws ConfigError and DataError; `source` stands for
// the file in messages.
BuiltNetwork build_network(const NetworkConfig& config, std::span<const std::uint8_t> file = {},
                           const GraphPolicy& policy = {}, const std::string& source = "the file");

// A model file that says which network it is of: what runs and captures leave.
BuiltNetwork open_model(const std::filesystem::path& file);

}  // namespace collegium
