#include "torch/training/built_network.h"

#include "base/file.h"
#include "collegium/error.h"
#include "model/graph_layout.h"
#include "torch/graph/graph_network.h"
#include "torch/network/model.h"

namespace collegium {
namespace {

constexpr const char* kNetworkMetadata = "collegium.network";  // the [network] table

// Of volumes [batch, channels, d, h, w], where the capture has fixed all three.
std::vector<std::int64_t> window_of(const GraphModel& graph) {
  const GraphProgram* program = graph.program("eval");
  if (!program || program->inputs.empty() || program->inputs.front().shape.size() != 5) return {};
  std::vector<std::int64_t> window;
  for (std::size_t axis = 2; axis < 5; ++axis) {
    const GraphSize& size = program->inputs.front().shape[axis];
    if (!size.symbol.empty()) return {};
    window.push_back(size.fixed);
  }
  return window;
}

BuiltNetwork build_captured(const NetworkConfig& config, std::span<const std::uint8_t> file,
                            const GraphPolicy& policy, const std::string& source) {
  const SafetensorsHeader header = parse_safetensors_header(file, source);
  const GraphModel graph = graph_of(header, source);
  if (const auto problem = admit(graph, policy, source)) throw ConfigError(*problem);
  const auto loaded = load_graph(file, source);
  return {.config = config,
          .network = loaded->network,
          .layout = graph_layout(graph, header.layout, config.trainable),
          .loss = loaded->loss,
          .values = loaded->initial,
          .window = window_of(graph)};
}

}  // namespace

BuiltNetwork build_network(const NetworkConfig& config, std::span<const std::uint8_t> file,
                           const GraphPolicy& policy, const std::string& source) {
  if (!config.is_graph())
    return {.config = config, .network = make_network(config), .layout = network_layout(config)};
  if (!file.empty()) return build_captured(config, file, policy, source);
  if (config.file.empty())
    throw ConfigError({.what = "a captured network is missing its file",
                       .where = "[network] file",
                       .expected = "a safetensors file with graph and weights",
                       .found = "none"});
  return build_captured(config, read_file(config.file), policy, config.file);
}

BuiltNetwork open_model(const std::filesystem::path& path) {
  const std::string source = path.string();
  const auto file = read_file(source);
  StoredModel stored = parse_safetensors(file, source);
  NetworkConfig config;
  if (const auto table = stored.metadata.find(kNetworkMetadata); table != stored.metadata.end())
    config = NetworkConfig::read(Settings::parse(table->second, source));
  else if (!stored.metadata.contains(kGraphMetadata))
    throw DataError(
        {.what = "the file does not say which network its weights are of",
         .where = source,
         .expected = "a model that a run left, or a captured network",
         .remedy = "take model.safetensors out of the run's folder or the site's state"});
  else
    config.name = kGraphNetwork;
  config.trainable = {};
  BuiltNetwork built = build_network(
      config, config.is_graph() ? std::span(file) : std::span<const std::uint8_t>{}, {}, source);
  if (stored.values.size() != built.layout.size())
    throw DataError({.what = "the file holds other weights than its network has",
                     .where = source,
                     .expected = std::to_string(built.layout.size()) + " values",
                     .found = std::to_string(stored.values.size())});
  built.values = std::move(stored.values);
  return built;
}

}  // namespace collegium
