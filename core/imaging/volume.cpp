#include "imaging/volume.h"

#include <cmath>

namespace collegium {

Spacing spacing_of(const Affine& affine) {
  Spacing spacing{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    spacing[axis] = std::hypot(affine[0][axis], affine[1][axis], affine[2][axis]);
  }
  return spacing;
}

Extent Grid::extent() const {
  Extent extent{1, 1, 1};
  for (std::size_t axis = 0; axis < 3 && axis < shape.size(); ++axis) extent[axis] = shape[axis];
  return extent;
}

std::int64_t Grid::channels() const {
  std::int64_t product = 1;
  for (std::size_t axis = 3; axis < shape.size(); ++axis) product *= shape[axis];
  return product;
}

std::int64_t Grid::size() const { return voxels(extent()) * channels(); }

}  // namespace collegium
