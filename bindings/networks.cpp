#include "networks.h"

#include <ATen/ops/from_blob.h>
#include <torch/csrc/utils/pybind.h>

#include "bindings.h"
#include "collegium/error.h"
#include "model/safetensors.h"
#include "torch/network/model.h"
#include "torch/network/network.h"
#include "torch/training/built_network.h"

namespace collegium::python {
namespace {

at::Tensor view_of(const PyNetwork& self, const Slot& slot) {
  auto owner = self.values;
  return at::from_blob(
      owner->data() + slot.offset, slot.shape, [owner](void*) {}, at::kFloat);
}

py::dict tensors(const PyNetwork& self) {
  py::dict named;
  for (const Slot& slot : self.layout.slots()) named[py::str(slot.name)] = view_of(self, slot);
  return named;
}

at::Tensor forward(const PyNetwork& self, const at::Tensor& inputs) {
  py::gil_scoped_release unlocked;
  std::vector<at::Tensor> weights;
  for (const Slot& slot : self.layout.slots()) weights.push_back(view_of(self, slot));
  return self.network->forward(inputs, weights, {});
}

void load(PyNetwork& self, const std::string& path) {
  StoredModel stored = load_safetensors(path);
  if (stored.values.size() != self.values->size())
    throw DataError(
        {.what = "the file holds another network's weights",
         .where = path,
         .expected = std::to_string(self.values->size()) + " floats for " + self.config.name,
         .found = std::to_string(stored.values.size())});
  for (const Slot& slot : self.layout.slots()) {
    const auto& slots = stored.layout.slots();
    const auto found = std::find_if(slots.begin(), slots.end(),
                                    [&](const Slot& s) { return s.name == slot.name; });
    if (found == slots.end() || found->shape != slot.shape)
      throw DataError({.what = "the file holds another network's weights",
                       .where = path,
                       .expected = "a tensor '" + slot.name + "' of this network's shape",
                       .found = found == slots.end() ? "no such tensor" : "another shape"});
    std::copy_n(stored.values.begin() + found->offset, slot.size,
                self.values->begin() + slot.offset);
  }
}

}  // namespace

PyNetwork::PyNetwork(const NetworkConfig& network_config, std::uint64_t seed)
    : config(network_config) {
  BuiltNetwork built = build_network(config);
  network = std::move(built.network);
  layout = std::move(built.layout);
  window = std::move(built.window);
  values = std::make_shared<std::vector<float>>(
      built.values.empty() ? initial_values(*network, seed) : std::move(built.values));
}

PyNetwork::PyNetwork(const std::string& model_file) {
  BuiltNetwork built = open_model(model_file);
  config = std::move(built.config);
  if (config.is_graph()) {
    config.graph.reset();
    config.file = model_file;  // holds the network as well
  }
  network = std::move(built.network);
  layout = std::move(built.layout);
  window = std::move(built.window);
  values = std::make_shared<std::vector<float>>(std::move(built.values));
}

void def_networks(py::module_& m) {
  m.def("network_names", &network_names);
  py::class_<PyNetwork, std::shared_ptr<PyNetwork>>(m, "Network")
      .def(py::init([](const py::dict& settings, std::uint64_t seed) {
             return std::make_shared<PyNetwork>(
                 NetworkConfig::read(settings_from(settings, "network")), seed);
           }),
           py::arg("settings"), py::arg("seed"))
      .def_static(
          "open", [](const std::string& path) { return std::make_shared<PyNetwork>(path); },
          py::arg("path"))
      .def_readonly("window", &PyNetwork::window)
      .def_property_readonly(
          "settings", [](const PyNetwork& self) { return dict_from(self.config.to_settings()); })
      .def("tensors", &tensors)
      .def("forward", &forward)
      .def("save",
           [](const PyNetwork& self, const std::string& path) {
             save_safetensors(path, self.layout, self.weights());
           })
      .def("load", &load);
}

}  // namespace collegium::python
