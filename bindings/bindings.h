#pragma once
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <span>

#include "collegium/settings.h"

namespace collegium::python {

namespace py = pybind11;

void def_errors(py::module_& m);
void def_settings(py::module_& m);
void def_ledger(py::module_& m);
void def_privacy(py::module_& m);
void def_audit(py::module_& m);
void def_imaging(py::module_& m);
void def_losses(py::module_& m);
void def_networks(py::module_& m);
void def_per_sample(py::module_& m);
void def_plugins(py::module_& m);
void def_python_aggregator(py::module_& m);
void def_datasets(py::module_& m);
void def_evaluation(py::module_& m);
void def_federation(py::module_& m);
void def_graph(py::module_& m);

// A dict of bools, numbers, strings, lists of one of them, and dicts. `source` stands for the file
// in messages.
Settings settings_from(const py::dict& dict, const std::string& source);
py::dict dict_from(const Settings& settings);

using FloatArray = py::array_t<float, py::array::c_style | py::array::forcecast>;
inline std::span<const float> span_of(const FloatArray& array) {
  return {array.data(), static_cast<std::size_t>(array.size())};
}

// Keeps a Python object alive from C++ threads: taken and given back with the GIL held.
inline std::shared_ptr<const void> keep(py::object object) {
  return {new py::object(std::move(object)), [](const void* held) {
            py::gil_scoped_acquire gil;
            delete static_cast<const py::object*>(held);
          }};
}

}  // namespace collegium::python
