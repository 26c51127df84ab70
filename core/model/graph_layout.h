#pragma once
#include <span>
#include <string>
#include <vector>

#include "model/graph.h"
#include "model/safetensors.h"

namespace collegium {

inline constexpr const char* kGraphMetadata = "collegium.graph";  // in a network's file

// The graph in the metadata of a network's file. Throws DataError: there is none, it is not one, or
// it names other tensors than the file has.
GraphModel graph_of(const SafetensorsHeader& file, const std::string& source);

// How the flat vector of a captured network is laid out: the tensors of its file in the order of
// their bytes. Parameters are trained as `trainable` says: parts of names, "norm" for all that the
// graph calls normalisation, "head" for its last layer; empty: all. Frozen ones stay, buffers move
// and take no gradient. A pattern that matches nothing is a ConfigError. The same as torch's side
// makes of it (layout_of), for a coordinator that has no torch.
Layout graph_layout(const GraphModel& graph, const Layout& file,
                    const std::vector<std::string>& trainable);

}  // namespace collegium
