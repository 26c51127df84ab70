#include <torch/csrc/utils/pybind.h>

#include "bindings.h"
#include "collegium/error.h"
#include "privacy/noise.h"
#include "torch/per_sample/sample_gradients.h"

namespace collegium::python {
namespace {

// In place, all tensors from one stream. All are looked at before the first is touched.
void add_noise(const std::vector<at::Tensor>& tensors, double deviation) {
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const at::Tensor& x = tensors[i];
    if (x.layout() == at::kStrided && x.device().is_cpu() && x.scalar_type() == at::kFloat &&
        x.is_contiguous())
      continue;
    throw ConfigError(
        {.what = "noise cannot be added to tensor " + std::to_string(i) + " in place",
         .expected = "contiguous float32 on the CPU",
         .found = x.toString() +
                  (x.layout() == at::kStrided && !x.is_contiguous() ? ", not contiguous" : "")});
  }
  const auto stream = NoiseSource::system().stream(NoisePurpose::gradient_noise, 0);
  for (const at::Tensor& x : tensors) {
    add_gaussian_noise(std::span(x.mutable_data_ptr<float>(), static_cast<std::size_t>(x.numel())),
                       deviation, *stream);
    x.unsafeGetTensorImpl()->bump_version();  // autograd has to know
  }
}

}  // namespace

void def_per_sample(py::module_& m) {
  py::class_<SampleLayouts>(m, "SampleLayouts")
      .def(py::init<>())
      .def_property_readonly("probes", &SampleLayouts::probes);

  m.def("add_noise", &add_noise, py::arg("tensors"), py::arg("deviation"),
        py::call_guard<py::gil_scoped_release>());

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
