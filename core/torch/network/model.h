#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "collegium/layout.h"
#include "config/network_config.h"

namespace collegium {

// The built-in networks:
//   segresnet  volumes [in_channels, d, h, w] -> [out_channels, d, h, w]; MONAI's SegResNet, same
//   parameter names small_cnn  images [in_channels, h, w] -> out_channels scores; three
//   convolutions of init_filters and its doubles mlp        in_channels numbers -> init_filters ->
//   init_filters -> out_channels linear     in_channels numbers -> out_channels
std::vector<std::string> network_names();

// Names, shapes and order as in the network's state dict. `trainable` holds substrings of parameter
// names, or "head" for the last layer; what it leaves out is frozen. A pattern that matches nothing
// is a ConfigError.
Layout network_layout(const NetworkConfig& network);

// torch's default initialisation from a seed: U(-1/sqrt(fan_in), 1/sqrt(fan_in)) for weights and
// their biases, 1 and 0 for normalisation. The same seed gives the same values on every machine.
std::vector<float> initial_values(const NetworkConfig& network, std::uint64_t seed);

}  // namespace collegium
