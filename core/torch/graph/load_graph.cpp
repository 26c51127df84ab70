#include <algorithm>
#include <set>

#include "collegium/error.h"
#include "model/graph_admission.h"
#include "model/safetensors.h"
#include "torch/graph/graph_network.h"

namespace collegium {
namespace {

constexpr const char* kGraph = "collegium.graph";

ParameterSpec::Role role_of(GraphTensor::Kind kind) {
  using Role = ParameterSpec::Role;
  return kind == GraphTensor::Kind::frozen   ? Role::frozen
         : kind == GraphTensor::Kind::buffer ? Role::buffer
                                             : Role::trained;
}

// The graph's float32 tensors are those of the file.
std::vector<ParameterSpec> parameters_of(const GraphModel& model, const Layout& layout,
                                         const std::string& source) {
  const auto refuse = [&](std::string expected, std::string found) {
    throw DataError({.what = "the graph and the weights beside it disagree",
                     .where = source,
                     .expected = std::move(expected),
                     .found = std::move(found)});
  };
  std::vector<ParameterSpec> parameters;
  for (const auto& slot : layout.slots()) {
    const auto found = std::ranges::lower_bound(model.tensors, slot.name, {}, &GraphTensor::name);
    if (found == model.tensors.end() || found->name != slot.name || !found->in_file())
      refuse("weights that the graph names", "'" + slot.name + "'");
    if (found->shape != slot.shape) refuse("equal shapes", "others of '" + slot.name + "'");
    parameters.push_back({.name = slot.name,
                          .shape = slot.shape,
                          .role = role_of(found->kind),
                          .norm = std::ranges::find(model.norms, slot.name) != model.norms.end()});
  }
  const auto wanted = std::ranges::count_if(model.tensors, &GraphTensor::in_file);
  if (parameters.size() != static_cast<std::size_t>(wanted))
    refuse(std::to_string(wanted) + " tensors in the file", std::to_string(parameters.size()));
  return parameters;
}

}  // namespace

std::shared_ptr<const LoadedGraph> load_graph(std::span<const std::uint8_t> file,
                                              const std::string& source,
                                              const GraphPolicy& policy) {
  auto stored = parse_safetensors(file, source);
  const auto text = stored.metadata.find(kGraph);
  if (text == stored.metadata.end())
    throw DataError({.what = "the file holds weights but no graph",
                     .where = source,
                     .expected = std::string("'") + kGraph + "' in its metadata",
                     .remedy = "write it with collegium.capture"});
  auto loaded = std::make_shared<LoadedGraph>();
  auto model = std::make_shared<const GraphModel>(parse_graph(text->second, source));
  if (auto problem = admit(*model, policy, source)) throw DataError(std::move(*problem));
  loaded->network = std::make_shared<const GraphNetwork>(
      model, parameters_of(*model, stored.layout, source), source);
  if (model->program("loss") != nullptr)
    loaded->loss = std::make_shared<const GraphLoss>(model, source);
  loaded->model = std::move(model);
  loaded->initial = std::move(stored.values);
  return loaded;
}

}  // namespace collegium
