#include "privacy/accountant.h"

#include "bindings.h"

namespace collegium::python {

void def_privacy(py::module_& m) {
  py::module_ privacy = m.def_submodule("privacy");
  privacy.def(
      "epsilon",
      [](double noise_multiplier, double sampling_rate, std::int64_t steps, double delta) {
        py::gil_scoped_release unlocked;
        const PrivacyEvent event{.kind = PrivacyEvent::Kind::sampled_gaussian,
                                 .noise_multiplier = noise_multiplier,
                                 .sampling_rate = sampling_rate,
                                 .count = steps};
        return epsilon({&event, 1}, delta);
      },
      py::kw_only(), py::arg("noise_multiplier"), py::arg("sampling_rate"), py::arg("steps"),
      py::arg("delta"));
  privacy.def(
      "calibrate",
      [](double epsilon, double delta, double sampling_rate, std::int64_t steps) {
        py::gil_scoped_release unlocked;
        return calibrate_noise(epsilon, delta, sampling_rate, steps);
      },
      py::kw_only(), py::arg("epsilon"), py::arg("delta"), py::arg("sampling_rate"),
      py::arg("steps"));
}

}  // namespace collegium::python
