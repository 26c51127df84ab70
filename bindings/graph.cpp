#include <torch/csrc/utils/pybind.h>

#include <variant>

#include "bindings.h"
#include "collegium/error.h"
#include "torch/graph/graph_network.h"
#include "torch/network/flat_model.h"

namespace collegium::python {
namespace {

using Tensors = std::map<std::string, at::Tensor>;

std::vector<at::Tensor> in_order(const LoadedGraph& graph, const Tensors& parameters) {
  std::vector<at::Tensor> ordered;
  for (const auto& spec : graph.network->parameters()) {
    const auto found = parameters.find(spec.name);
    if (found == parameters.end() || found->second.sizes() != at::IntArrayRef(spec.shape))
      throw DataError({.what = "a tensor of the graph is missing or has another shape",
                       .expected = spec.name + " " + c10::str(at::IntArrayRef(spec.shape))});
    ordered.push_back(found->second);
  }
  return ordered;
}

const GraphLoss& loss_of(const LoadedGraph& graph) {
  if (!graph.loss) throw DataError({.what = "the graph has no loss"});
  return *graph.loss;
}

py::tuple gradients(const LoadedGraph& graph, const Tensors& parameters, const at::Tensor& inputs,
                    const at::Tensor& targets, std::vector<std::uint64_t> keys) {
  const auto layout = layout_of(*graph.network, {});
  FlatModel model(layout, inputs.device());
  double value = 0;
  Tensors gradients;
  {
    py::gil_scoped_release unlocked;
    const auto given = in_order(graph, parameters);
    for (std::size_t i = 0; i < given.size(); ++i)
      model.parameters()[i].detach().copy_(given[i].detach());
    const auto outputs = graph.network->training_outputs(inputs, model.parameters(),
                                                         {.dropout_keys = std::move(keys)});
    const auto loss = loss_of(graph).mean(outputs, targets);
    value = loss.item<double>();
    loss.backward();
    for (std::size_t i = 0; i < given.size(); ++i)
      if (layout.slots()[i].trainable)
        gradients[layout.slots()[i].name] = model.parameters()[i].grad();
  }
  return py::make_tuple(value, gradients);
}

}  // namespace

void def_graph(py::module_& m) {
  py::class_<LoadedGraph, std::shared_ptr<LoadedGraph>>(m, "GraphModel")
      .def(py::init([](const py::bytes& file, const std::string& source) {
             const std::string_view bytes = file;
             const std::span data(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                  bytes.size());
             py::gil_scoped_release unlocked;
             return std::const_pointer_cast<LoadedGraph>(load_graph(data, source));
           }),
           py::arg("file"), py::arg("source") = "graph")
      .def_property_readonly("hash", [](const LoadedGraph& self) { return self.model->hash; })
      .def_property_readonly("names",
                             [](const LoadedGraph& self) {
                               std::vector<std::string> names;
                               for (const auto& spec : self.network->parameters())
                                 names.push_back(spec.name);
                               return names;
                             })
      .def(
          "forward",
          [](const LoadedGraph& self, const Tensors& parameters, const at::Tensor& inputs,
             bool train, std::vector<std::uint64_t> keys) {
            std::vector<at::Tensor> outputs;
            {
              py::gil_scoped_release unlocked;
              const auto w = in_order(self, parameters);
              outputs = train ? self.network->training_outputs(inputs, w,
                                                               {.dropout_keys = std::move(keys)})
                              : self.network->outputs(inputs, w, {});
            }
            return outputs.size() == 1 ? py::cast(outputs.front()) : py::cast(outputs);
          },
          py::arg("parameters"), py::arg("inputs"), py::kw_only(), py::arg("train"),
          py::arg("keys") = std::vector<std::uint64_t>())
      .def(
          "where_samples_meet",
          [](const LoadedGraph& self, const Tensors& parameters, const at::Tensor& inputs) {
            py::gil_scoped_release unlocked;
            return self.network->where_samples_meet(inputs, in_order(self, parameters));
          },
          py::arg("parameters"), py::arg("inputs"))
      .def(
          "loss",
          [](const LoadedGraph& self,
             const std::variant<at::Tensor, std::vector<at::Tensor>>& outputs,
             const at::Tensor& targets) {
            py::gil_scoped_release unlocked;
            const auto* one = std::get_if<at::Tensor>(&outputs);
            return one ? loss_of(self).mean(*one, targets)
                       : loss_of(self).mean(std::get<std::vector<at::Tensor>>(outputs), targets);
          },
          py::arg("outputs"), py::arg("targets"))
      .def("gradients", &gradients, py::arg("parameters"), py::arg("inputs"), py::arg("targets"),
           py::kw_only(), py::arg("keys"));
}

}  // namespace collegium::python
