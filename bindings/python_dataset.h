#pragma once
#include <cstddef>
#include <memory>
#include <vector>

#include "bindings.h"
#include "torch/data/dataset.h"

namespace collegium::python {

// Samples that Python makes when training asks for them: `get(index)` returns (input, target) as
// NumPy arrays. The GIL is held for that call alone, which the training's prefetching hides. An
// exception in it is kept for whoever started the run, with its traceback.
class PythonDataset final : public Dataset {
 public:
  PythonDataset(py::object get, std::size_t size, std::vector<std::size_t> subject_of);
  std::size_t size() const override { return size_; }
  Item sample(std::size_t index) const override;  // DataError if get() raised
  std::size_t subjects() const override { return subjects_; }
  std::size_t subject(std::size_t index) const override {
    return subject_of_.empty() ? index : subject_of_[index];
  }
  py::object failure() const;  // the first exception; None if there was none

 private:
  struct Failure;
  std::shared_ptr<const void> get_;
  std::size_t size_, subjects_;
  std::vector<std::size_t> subject_of_;
  std::shared_ptr<Failure> failure_;
};

// The array's memory, shared; DataError for a type or an order that training does not take.
Array share(const py::array& array);

}  // namespace collegium::python
