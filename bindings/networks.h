#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "collegium/layout.h"
#include "config/network_config.h"

namespace collegium {
class Network;
}

namespace collegium::python {

// A network with weights of its own: what Python's cg.networks.Network holds. The vector never
// moves, so that tensors handed out stay views of it.
struct PyNetwork {
  NetworkConfig config;
  std::shared_ptr<const Network> network;
  Layout layout;
  std::shared_ptr<std::vector<float>> values;
  std::vector<std::int64_t> window = {};  // the only volume it takes; empty: any

  PyNetwork(const NetworkConfig& network_config, std::uint64_t seed);
  // Of a file that says which network it is of: what runs and captures leave.
  explicit PyNetwork(const std::string& model_file);
  std::span<const float> weights() const { return *values; }
};

}  // namespace collegium::python
