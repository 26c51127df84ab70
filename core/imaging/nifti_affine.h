#pragma once
#include <array>
#include <string_view>

#include "imaging/volume.h"

namespace collegium {

// The orientation fields of a NIfTI header, as stored.
struct RawOrientation {
  int qform_code = 0, sform_code = 0;
  std::array<double, 4> pixdim{};      // qfac, then the spacing of three axes
  std::array<double, 3> quaternion{};  // b, c, d
  std::array<double, 3> offset{};
  std::array<double, 12> rows{};  // srow_x, srow_y, srow_z
};

// Voxel index -> mm: the sform if its code is positive, else the qform, else (NIfTI-1's method 1)
// the spacing alone. Units of metre and micron are turned into mm; unknown units count as mm.
// DataError unless finite and invertible.
Affine nifti_affine(const RawOrientation& orientation, int units, std::string_view name);

}  // namespace collegium
