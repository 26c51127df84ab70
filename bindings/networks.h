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

  PyNetwork(const NetworkConfig& network_config, std::uint64_t seed);
  std::span<const float> weights() const { return *values; }
};

}  // namespace collegium::python
