#include "torch/network/network.h"

#include <algorithm>

#include "collegium/error.h"
#include "torch/data/draw_key.h"
#include "torch/network/model.h"
#include "torch/network/segresnet.h"
#include "torch/network/small_networks.h"

namespace collegium {
namespace {

bool matches(const ParameterSpec& spec, const std::string& pattern, const std::string& head) {
  if (pattern == "head" && !head.empty()) return spec.name.starts_with(head);
  if (pattern == "norm" && spec.norm) return true;
  return spec.name.find(pattern) != std::string::npos;
}

}  // namespace

Network::~Network() = default;

std::vector<std::string> network_names() { return {"segresnet", "small_cnn", "mlp", "linear"}; }

std::unique_ptr<Network> make_network(const NetworkConfig& c) {
  if (c.name == "segresnet")
    return std::make_unique<SegResNet>(SegResNet::Options{.in_channels = c.in_channels,
                                                          .out_channels = c.out_channels,
                                                          .init_filters = c.init_filters,
                                                          .dropout = c.dropout});
  if (c.name == "small_cnn")
    return std::make_unique<SmallCnn>(c.in_channels, c.out_channels, c.init_filters, c.dropout);
  if (c.name == "mlp")
    return std::make_unique<Mlp>(
        std::vector{c.in_channels, c.init_filters, c.init_filters, c.out_channels});
  if (c.name == "linear") return std::make_unique<Mlp>(std::vector{c.in_channels, c.out_channels});
  throw ConfigError({.what = "there is no network of this name",
                     .where = "[network] name",
                     .expected = "segresnet, small_cnn, mlp or linear",
                     .found = c.name});
}

Layout layout_of(const Network& network, const std::vector<std::string>& trainable) {
  const auto& specs = network.parameters();
  for (const auto& pattern : trainable)
    if (std::none_of(specs.begin(), specs.end(),
                     [&](const auto& s) { return matches(s, pattern, network.head()); }))
      throw ConfigError({.what = "this pattern names no parameter of the network",
                         .where = "[network] trainable",
                         .expected = "part of a name such as " + specs.front().name + ", or head",
                         .found = pattern});
  Layout layout;
  for (const auto& spec : specs) {
    const bool chosen = trainable.empty() ||
                        std::any_of(trainable.begin(), trainable.end(), [&](const auto& pattern) {
                          return matches(spec, pattern, network.head());
                        });
    if (spec.role == ParameterSpec::Role::buffer)
      layout.add_buffer(spec.name, spec.shape);
    else
      layout.add(spec.name, spec.shape, chosen && spec.role == ParameterSpec::Role::trained);
  }
  return layout;
}

std::vector<float> initial_values(const Network& network, std::uint64_t seed) {
  std::vector<float> values;
  for (const auto& spec : network.parameters()) {
    Draws draws(draw_key("initial", spec.name), seed, 0, 0);
    std::size_t size = 1;
    for (const auto extent : spec.shape) size *= static_cast<std::size_t>(extent);
    for (std::size_t i = 0; i < size; ++i)
      values.push_back(
          static_cast<float>(spec.bound > 0 ? draws.uniform(-spec.bound, spec.bound) : spec.fill));
  }
  return values;
}

Layout network_layout(const NetworkConfig& config) {
  return layout_of(*make_network(config), config.trainable);
}

std::vector<float> initial_values(const NetworkConfig& config, std::uint64_t seed) {
  return initial_values(*make_network(config), seed);
}

}  // namespace collegium
