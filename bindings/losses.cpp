#include "torch/training/losses.h"

#include <torch/csrc/utils/pybind.h>

#include "bindings.h"

namespace collegium::python {

void def_losses(py::module_& m) {
  m.def(
      "dice_loss",
      [](const at::Tensor& input, const at::Tensor& target, bool sigmoid, bool squared_pred,
         double smooth_nr, double smooth_dr, bool batch) {
        py::gil_scoped_release unlocked;
        LossConfig config;
        config.squared_pred = squared_pred;
        config.smooth_nr = smooth_nr;
        config.smooth_dr = smooth_dr;
        config.batch = batch;
        return (sigmoid ? make_loss(config) : make_probability_dice(config))->mean(input, target);
      },
      py::arg("input"), py::arg("target"), py::kw_only(), py::arg("sigmoid"),
      py::arg("squared_pred"), py::arg("smooth_nr"), py::arg("smooth_dr"), py::arg("batch"));
}

}  // namespace collegium::python
