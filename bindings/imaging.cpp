#include <filesystem>

#include "bindings.h"
#include "collegium/error.h"
#include "imaging/metrics.h"
#include "imaging/nifti.h"

namespace collegium::python {
namespace {

using Mask = py::array_t<std::uint8_t, py::array::c_style | py::array::forcecast>;

std::span<const std::uint8_t> span_of(const Mask& mask) {
  return {mask.data(), static_cast<std::size_t>(mask.size())};
}

void require_one_shape(const Mask& pred, const Mask& target) {
  const auto text = [](const Mask& mask) {
    return std::string(py::str(py::tuple(mask.attr("shape"))));
  };
  if (!py::tuple(pred.attr("shape")).equal(py::tuple(target.attr("shape"))))
    throw DataError(
        {.what = "two masks of different shapes", .expected = text(target), .found = text(pred)});
}

py::tuple read(const std::filesystem::path& path) {
  auto volume = [&] {
    py::gil_scoped_release unlocked;
    return std::make_unique<Volume>(read_volume(path));
  }();
  const std::vector<py::ssize_t> shape(volume->grid.shape.begin(), volume->grid.shape.end());
  py::array_t<double> affine({4, 4});
  for (int row = 0; row < 4; ++row)
    for (int column = 0; column < 4; ++column)
      affine.mutable_at(row, column) = volume->grid.affine[row][column];
  const auto spacing = volume->grid.spacing;
  float* data = volume->values.data();
  py::capsule owner(volume.release(), [](void* held) { delete static_cast<Volume*>(held); });
  return py::make_tuple(py::array_t<float>(shape, data, owner), affine, spacing);
}

}  // namespace

void def_imaging(py::module_& m) {
  m.def("nifti_read", [](const std::string& path) { return read(path); });

  py::module_ metrics = m.def_submodule("metrics");
  metrics.def("dice", [](const Mask& pred, const Mask& target) {
    require_one_shape(pred, target);
    return dice_brats(overlap(span_of(pred), span_of(target)));
  });
  metrics.def("hausdorff95", [](const Mask& pred, const Mask& target, std::array<double, 3> spacing,
                                const std::string& method) {
    require_one_shape(pred, target);
    const Extent extent{pred.shape(0), pred.shape(1), pred.shape(2)};
    const auto p = span_of(pred), t = span_of(target);
    py::gil_scoped_release unlocked;
    return hausdorff95(p, t, extent, spacing, hausdorff_method(method));
  });
}

}  // namespace collegium::python
