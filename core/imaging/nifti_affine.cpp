#include "imaging/nifti_affine.h"

#include <cmath>
#include <string>

#include "collegium/error.h"

namespace collegium {
namespace {

Affine from_sform(const RawOrientation& o) {
  Affine a{};
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 4; ++column) a[row][column] = o.rows[4 * row + column];
  }
  return a;
}

// The rotation of the unit quaternion (sqrt(1 - b^2 - c^2 - d^2), b, c, d), its third column
// negated for a negative qfac.
Affine from_qform(const RawOrientation& o) {
  double b = o.quaternion[0], c = o.quaternion[1], d = o.quaternion[2];
  double a = 1 - (b * b + c * c + d * d);
  if (a < 1e-7) {  // a half turn, stored with rounding
    const double length = std::sqrt(b * b + c * c + d * d);
    b /= length, c /= length, d /= length, a = 0;
  } else {
    a = std::sqrt(a);
  }
  const double rotation[3][3] = {
      {a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)},
      {2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)},
      {2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c}};
  const double scale[3] = {o.pixdim[1], o.pixdim[2], o.pixdim[0] < 0 ? -o.pixdim[3] : o.pixdim[3]};
  Affine affine{};
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 3; ++column) {
      affine[row][column] = rotation[row][column] * scale[column];
    }
    affine[row][3] = o.offset[row];
  }
  return affine;
}

Affine from_spacing(const RawOrientation& o) {
  Affine a{};
  for (std::size_t axis = 0; axis < 3; ++axis) a[axis][axis] = std::abs(o.pixdim[axis + 1]);
  return a;
}

double determinant(const Affine& a) {
  return a[0][0] * (a[1][1] * a[2][2] - a[1][2] * a[2][1]) -
         a[0][1] * (a[1][0] * a[2][2] - a[1][2] * a[2][0]) +
         a[0][2] * (a[1][0] * a[2][1] - a[1][1] * a[2][0]);
}

bool usable(const Affine& affine) {
  double columns = 1;
  for (const double length : spacing_of(affine)) columns *= length;
  for (const auto& row : affine) {
    for (const double value : row) {
      if (!std::isfinite(value)) return false;
    }
  }
  // Relative to the voxel's size, so that small voxels are not taken for a flat grid.
  return columns > 0 && std::isfinite(columns) && std::abs(determinant(affine)) > 1e-6 * columns;
}

}  // namespace

Affine nifti_affine(const RawOrientation& orientation, int units, std::string_view name) {
  Affine affine = orientation.sform_code > 0   ? from_sform(orientation)
                  : orientation.qform_code > 0 ? from_qform(orientation)
                                               : from_spacing(orientation);
  const int spatial = units & 7;
  const double to_mm = spatial == 1 ? 1e3 : spatial == 3 ? 1e-3 : 1;
  for (auto& row : affine) {
    for (double& value : row) value *= to_mm;
  }
  affine[3] = {0, 0, 0, 1};
  if (!usable(affine)) {
    throw DataError({.what = "the header does not say where the voxels lie",
                     .where = std::string(name),
                     .expected = "a finite, invertible orientation with positive voxel sizes",
                     .found = "a singular or non-finite one",
                     .remedy = "export the volume again with its orientation"});
  }
  return affine;
}

}  // namespace collegium
