#include "runtime/start_model.h"

#include <filesystem>

#include "base/file.h"
#include "collegium/error.h"
#include "model/graph_admission.h"
#include "model/graph_layout.h"
#include "store/run_store.h"

namespace collegium {
namespace {

// The values of `other`, if it is the same network's.
std::vector<float> values_of(const std::string& file, const Layout& layout) {
  StoredModel other = load_safetensors(file);
  bool same = other.layout.slots().size() == layout.slots().size();
  for (std::size_t i = 0; same && i < layout.slots().size(); ++i) {
    const Slot& a = layout.slots()[i];
    const Slot& b = other.layout.slots()[i];
    same = a.name == b.name && a.shape == b.shape;
  }
  if (same) return std::move(other.values);
  throw DataError({.what = "the model of the start is another network's",
                   .where = file,
                   .expected = "the tensors of [network] file, in its order",
                   .remedy = "leave out [network] initial: [network] file holds weights itself"});
}

std::filesystem::path place_of(const FederationConfig& config) {
  const auto kept = config.run.folder / kNetworkFile;
  if (!std::filesystem::exists(config.network.file) && std::filesystem::exists(kept)) return kept;
  return config.network.file;
}

StartModel load_captured(FederationConfig& config) {
  if (config.network.file.empty())
    throw ConfigError(
        {.what = "a captured network is missing",
         .where = "[network] file",
         .expected = "the safetensors file with its graph and weights",
         .found = "none",
         .remedy = "make one with collegium.capture(...).save(FILE), and name it here"});
  const std::string file = place_of(config).string();
  StartModel start;
  start.network_file = std::make_shared<const Blob>(Blob::of(Bytes::owning(read_file(file))));
  const BlobId& id = start.network_file->id;
  const NetworkFileName name{to_hex(id.digest), static_cast<std::int64_t>(id.size)};
  if (config.network.graph && !(*config.network.graph == name))
    throw ConfigError({.what = "the captured network is not the one that [network] graph names",
                       .where = file,
                       .expected = config.network.graph->digest,
                       .found = name.digest,
                       .remedy = "put back the file, or leave out [network] graph"});
  config.network.graph = name;
  StoredModel stored = parse_safetensors(start.network_file->bytes.view, file);
  const GraphModel graph = graph_of({stored.layout, stored.metadata}, file);
  // What no site would run is not offered to any. Their own limits are theirs to say.
  const GraphPolicy policy{.patient_privacy = config.privacy && !config.privacy->protects_sites()};
  if (const auto problem = admit(graph, policy, file)) throw ConfigError(*problem);
  if (config.training.loss.name == kGraphNetwork && !graph.program("loss"))
    throw ConfigError({.what = "the captured network came without a loss",
                       .where = "[training.loss] name",
                       .expected = "a built-in loss, or a network that was captured with one",
                       .found = "\"graph\" and " + file});
  start.layout = graph_layout(graph, stored.layout, config.network.trainable);
  start.values = config.network.initial.empty() ? std::move(stored.values)
                                                : values_of(config.network.initial, start.layout);
  return start;
}

}  // namespace

StartModel load_start_model(FederationConfig& config) {
  if (config.network.is_graph()) return load_captured(config);
  if (!std::filesystem::exists(config.network.initial))
    throw ConfigError({.what = "the model of the start is missing",
                       .where = config.network.initial,
                       .expected = "a safetensors file",
                       .remedy = "make it with `collegium init` or `collegium-site --init`"});
  StoredModel stored = load_safetensors(config.network.initial);
  return {.layout = std::move(stored.layout), .values = std::move(stored.values)};
}

std::map<std::string, std::string> network_stamps(const Settings& network, const Bytes& file) {
  std::map<std::string, std::string> stamps{{"collegium.network", network.to_toml()}};
  if (file.empty()) return stamps;
  auto metadata = parse_safetensors_header(file.view, "the network's file").metadata;
  stamps[kGraphMetadata] = std::move(metadata[kGraphMetadata]);
  return stamps;
}

}  // namespace collegium
