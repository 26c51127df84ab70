#include <torch/csrc/utils/pybind.h>

#include "bindings.h"
#include "torch/per_sample/sample_gradients.h"

namespace collegium::python {

void def_per_sample(py::module_& m) {
  py::class_<SampleLayouts>(m, "SampleLayouts")
      .def(py::init<>())
      .def_property_readonly("probes", &SampleLayouts::probes);

  using Ghost = SampleGradientOptions::Ghost;
  py::class_<SampleGradients>(m, "SampleGradients")
      .def(py::init([](const at::Tensor& losses, const std::vector<at::Tensor>& parameters,
                       SampleLayouts& layouts, std::vector<std::int64_t> groups,
                       std::vector<std::int64_t> owners,
                       std::optional<std::vector<at::Tensor>> inputs, std::optional<bool> ghost) {
             py::gil_scoped_release unlocked;
             const auto choice = !ghost   ? Ghost::where_cheaper
                                 : *ghost ? Ghost::always
                                          : Ghost::never;
             return SampleGradients::of(losses, parameters, layouts,
                                        {.groups = std::move(groups),
                                         .owners = std::move(owners),
                                         .inputs = std::move(inputs),
                                         .ghost = choice});
           }),
           py::arg("losses"), py::arg("parameters"), py::arg("layouts"), py::kw_only(),
           py::arg("groups"), py::arg("owners"), py::arg("inputs"), py::arg("ghost"))
      .def_property_readonly("squared_norms", &SampleGradients::squared_norms)
      .def_property_readonly("notes", &SampleGradients::notes)
      .def("add_weighted_sum",
           [](const SampleGradients& gradients, const at::Tensor& factors,
              const std::vector<at::Tensor>& sums) {
             py::gil_scoped_release unlocked;
             gradients.add_weighted_sum(factors, sums);
           })
      .def("of_parameter", [](const SampleGradients& gradients, std::size_t parameter) {
        py::gil_scoped_release unlocked;
        return gradients.of_parameter(parameter);
      });
}

}  // namespace collegium::python
