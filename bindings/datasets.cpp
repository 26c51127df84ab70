#include <pybind11/numpy.h>

#include "bindings.h"
#include "collegium/error.h"
#include "torch/data/dataset.h"

namespace collegium::python {
namespace {

ElementType type_of(const py::array& array) {
  if (py::isinstance<py::array_t<float>>(array)) return ElementType::float32;
  if (py::isinstance<py::array_t<std::uint8_t>>(array)) return ElementType::uint8;
  if (py::isinstance<py::array_t<std::int16_t>>(array)) return ElementType::int16;
  if (py::isinstance<py::array_t<std::int64_t>>(array)) return ElementType::int64;
  throw DataError({.what = "an array of a type that training does not take",
                   .expected = "float32, uint8, int16 or int64",
                   .found = std::string(py::str(array.dtype()))});
}

// Shares the memory; the array object is kept alive by it.
Array share(const py::array& array) {
  if (!(array.flags() & py::array::c_style))
    throw DataError({.what = "an array that is not contiguous", .remedy = "pass numpy.ascontiguousarray(array)"});
  return {.data = array.data(),
          .type = type_of(array),
          .shape = {array.shape(), array.shape() + array.ndim()},
          .owner = keep(array)};
}

}  // namespace

void def_datasets(py::module_& m) {
  py::class_<Dataset, std::shared_ptr<Dataset>>(m, "Dataset")
      .def("__len__", [](const Dataset& self) { return self.subjects(); })
      .def("subjects", [](const Dataset& self) {
        std::vector<std::string> names;
        for (std::size_t i = 0; i < self.subjects(); ++i) names.push_back(self.name(i));
        return names;
      });
  py::class_<TensorDataset, Dataset, std::shared_ptr<TensorDataset>>(m, "ArrayDataset")
      .def(py::init([](const py::array& inputs, const py::array& targets) {
             return std::make_shared<TensorDataset>(share(inputs), share(targets));
           }),
           py::arg("inputs"), py::arg("targets"));
}

}  // namespace collegium::python
