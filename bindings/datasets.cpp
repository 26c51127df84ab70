#include <pybind11/numpy.h>

#include "bindings.h"
#include "collegium/error.h"
#include "python_dataset.h"
#include "torch/data/dataset.h"
#include "torch/data/image_folder.h"

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

std::shared_ptr<ImageFolder> open_folder(const py::dict& settings) {
  const Settings table = settings_from(settings, "data set");
  SubjectSource source;
  source.format = table.text("format");
  source.path = table.text("path");
  source.labels = table.text("labels");
  source.subjects = table.texts("subjects");
  source.table = table.text("table", "");
  source.site = table.text("site", "");
  table.refuse_unknown();
  py::gil_scoped_release unlocked;
  return std::make_shared<ImageFolder>(std::move(source));
}

py::list facts(const ImageFolder& folder) {
  py::list rows;
  for (const SubjectFiles& subject : folder.subject_set().files()) {
    py::dict row;
    row["subject"] = subject.id;
    row["site"] = subject.site;
    row["grade"] = subject.grade;
    py::list images;
    for (const auto& image : subject.images) images.append(image.string());
    row["images"] = images;
    row["channels"] = subject.channels;
    row["labels"] = subject.labels ? py::object(py::str(subject.labels->string())) : py::none();
    rows.append(row);
  }
  return rows;
}

py::dict tissues(const ImageFolder& folder) {
  const LabelScheme& scheme = folder.subject_set().scheme();
  py::dict numbers;
  numbers["necrotic"] = scheme.necrotic;
  numbers["oedema"] = scheme.oedema;
  numbers["enhancing"] = scheme.enhancing;
  return numbers;
}

py::dtype dtype_of(ElementType type) {
  switch (type) {
    case ElementType::float32:
      return py::dtype::of<float>();
    case ElementType::uint8:
      return py::dtype::of<std::uint8_t>();
    case ElementType::int16:
      return py::dtype::of<std::int16_t>();
    case ElementType::int64:
      return py::dtype::of<std::int64_t>();
  }
  throw std::logic_error("an element type that has no name");
}

// A copy: what a data set decodes may leave its cache at any moment.
py::array copied(const Array& array) { return {dtype_of(array.type), array.shape, array.data}; }

// Input and target, without the axis of the batch.
py::tuple sample(const Dataset& self, std::size_t index) {
  Item item;
  {
    py::gil_scoped_release unlocked;
    item = self.sample(index);
  }
  return py::make_tuple(copied(item.input), copied(item.target));
}

}  // namespace

Array share(const py::array& array) {
  if (!(array.flags() & py::array::c_style))
    throw DataError({.what = "an array that is not contiguous",
                     .remedy = "pass numpy.ascontiguousarray(array)"});
  return {.data = array.data(),
          .type = type_of(array),
          .shape = {array.shape(), array.shape() + array.ndim()},
          .owner = keep(array)};
}

void def_datasets(py::module_& m) {
  py::class_<Dataset, std::shared_ptr<Dataset>>(m, "Dataset")
      .def("__len__", [](const Dataset& self) { return self.subjects(); })
      .def("subjects",
           [](const Dataset& self) {
             std::vector<std::string> names;
             for (std::size_t i = 0; i < self.subjects(); ++i) names.push_back(self.name(i));
             return names;
           })
      .def("sample", &sample, py::arg("index"));
  py::class_<TensorDataset, Dataset, std::shared_ptr<TensorDataset>>(m, "ArrayDataset")
      .def(py::init([](const py::array& inputs, const py::array& targets,
                       std::vector<std::size_t> patients) {
             return std::make_shared<TensorDataset>(share(inputs), share(targets),
                                                    std::move(patients));
           }),
           py::arg("inputs"), py::arg("targets"), py::arg("patients") = std::vector<std::size_t>())
      // Where the inputs lie in memory: the same place as in the array, since nothing is copied.
      .def_property_readonly("address", [](const TensorDataset& self) {
        return reinterpret_cast<std::uintptr_t>(self.sample(0).input.data);
      });
  py::class_<PythonDataset, Dataset, std::shared_ptr<PythonDataset>>(m, "PythonDataset")
      .def(py::init<py::object, std::size_t, std::vector<std::size_t>>(), py::arg("get"),
           py::arg("size"), py::arg("patients") = std::vector<std::size_t>())
      .def_property_readonly("failure", &PythonDataset::failure);
  py::class_<ImageFolder, Dataset, std::shared_ptr<ImageFolder>>(m, "FolderDataset")
      .def(py::init(&open_folder), py::arg("settings"))
      .def("facts", &facts)
      .def("tissues", &tissues);
}

}  // namespace collegium::python
