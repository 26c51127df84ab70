#include "python_dataset.h"

#include <algorithm>
#include <string>

#include "collegium/error.h"

namespace collegium::python {

// Looked at and changed with the GIL held.
struct PythonDataset::Failure {
  std::shared_ptr<const void> exception;
};

PythonDataset::PythonDataset(py::object get, std::size_t size, std::vector<std::size_t> subject_of)
    : get_(keep(std::move(get))),
      size_(size),
      subjects_(size),
      subject_of_(std::move(subject_of)),
      failure_(std::make_shared<Failure>()) {
  if (!subject_of_.empty())
    subjects_ = 1 + *std::max_element(subject_of_.begin(), subject_of_.end());
}

Item PythonDataset::sample(std::size_t index) const {
  const py::gil_scoped_acquire gil;
  try {
    const auto& get = *static_cast<const py::object*>(get_.get());
    const auto [input, target] = get(index).cast<std::pair<py::array, py::array>>();
    return {share(input), share(target)};
  } catch (const py::error_already_set& error) {
    if (!failure_->exception) {
      if (error.trace()) PyException_SetTraceback(error.value().ptr(), error.trace().ptr());
      failure_->exception = keep(error.value());
    }
    throw DataError({.what = "the data set raised an exception",
                     .where = "sample " + std::to_string(index),
                     .found = std::string(py::str(error.type().attr("__name__"))) + ": " +
                              std::string(py::str(error.value()))});
  }
}

py::object PythonDataset::failure() const {
  if (!failure_->exception) return py::none();
  return *static_cast<const py::object*>(failure_->exception.get());
}

}  // namespace collegium::python
