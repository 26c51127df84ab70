#include "model/graph_layout.h"

#include <algorithm>

#include "collegium/error.h"

namespace collegium {
namespace {

const GraphTensor* tensor_of(const GraphModel& graph, const std::string& name) {
  const auto found = std::ranges::lower_bound(graph.tensors, name, {}, &GraphTensor::name);
  return found != graph.tensors.end() && found->name == name ? &*found : nullptr;
}

bool matches(const GraphModel& graph, const std::string& name, const std::string& pattern) {
  if (pattern == "head" && !graph.head.empty()) return name.starts_with(graph.head);
  if (pattern == "norm" && std::ranges::find(graph.norms, name) != graph.norms.end()) return true;
  return name.find(pattern) != std::string::npos;
}

}  // namespace

GraphModel graph_of(const SafetensorsHeader& file, const std::string& source) {
  const auto text = file.metadata.find(kGraphMetadata);
  if (text == file.metadata.end())
    throw DataError({.what = "the file holds weights but no graph",
                     .where = source,
                     .expected = std::string("'") + kGraphMetadata + "' in its metadata",
                     .remedy = "write it with collegium.capture"});
  GraphModel graph = parse_graph(text->second, source);
  std::size_t known = 0;
  for (const Slot& slot : file.layout.slots()) {
    const GraphTensor* tensor = tensor_of(graph, slot.name);
    if (!tensor || !tensor->in_file() || tensor->shape != slot.shape)
      throw DataError({.what = "the graph and the weights beside it disagree",
                       .where = source,
                       .expected = "weights that the graph names, of its shapes",
                       .found = "'" + slot.name + "'"});
    ++known;
  }
  const auto wanted = std::ranges::count_if(graph.tensors, &GraphTensor::in_file);
  if (known != static_cast<std::size_t>(wanted))
    throw DataError({.what = "the graph and the weights beside it disagree",
                     .where = source,
                     .expected = std::to_string(wanted) + " tensors in the file",
                     .found = std::to_string(known)});
  return graph;
}

Layout graph_layout(const GraphModel& graph, const Layout& file,
                    const std::vector<std::string>& trainable) {
  const auto chosen = [&](const std::string& name) {
    return trainable.empty() || std::ranges::any_of(trainable, [&](const std::string& pattern) {
             return matches(graph, name, pattern);
           });
  };
  for (const std::string& pattern : trainable)
    if (std::ranges::none_of(file.slots(),
                             [&](const Slot& slot) { return matches(graph, slot.name, pattern); }))
      throw ConfigError(
          {.what = "this pattern names no parameter of the network",
           .where = "[network] trainable",
           .expected = "part of a name such as " + file.slots().front().name + ", or head",
           .found = pattern});
  Layout layout;
  for (const Slot& slot : file.slots()) {
    const GraphTensor* tensor = tensor_of(graph, slot.name);
    if (tensor && tensor->kind == GraphTensor::Kind::buffer)
      layout.add_buffer(slot.name, slot.shape);
    else
      layout.add(slot.name, slot.shape,
                 tensor && tensor->kind == GraphTensor::Kind::parameter && chosen(slot.name));
  }
  return layout;
}

}  // namespace collegium
