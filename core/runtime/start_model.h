#pragma once
#include <map>
#include <string>
#include <vector>

#include "collegium/layout.h"
#include "config/federation_config.h"
#include "federation/events.h"

namespace collegium {

// What a run starts from.
struct StartModel {
  Layout layout = {};
  std::vector<float> values = {};  // before round 1
  SharedBlob network_file = {};    // of a captured network, as sites get it; null: a built-in one
};

// Reads it out of [network] initial, or out of [network] file, once. A captured network's name is
// written into `config`, where the run's identity and the sites find it; a run that goes on and
// whose file is gone takes the copy in its folder. Throws ConfigError and DataError.
StartModel load_start_model(FederationConfig& config);

// What a model file says about its network, so that it can be used alone: the [network] table, and
// of a captured one the graph. `file` is empty for a built-in network.
std::map<std::string, std::string> network_stamps(const Settings& network, const Bytes& file);

}  // namespace collegium
