#pragma once
#include <array>
#include <cstdint>
#include <span>

#include "imaging/volume.h"

namespace collegium {

// How a grid is turned so that its axes run to the Right, Anterior and Superior, by permutation and
// flips only: output axis a is input axis `source[a]`, reversed where `reversed[a]`.
struct Orientation {
  std::array<int, 3> source{0, 1, 2};
  std::array<bool, 3> reversed{};

  bool is_identity() const;
  Extent apply(const Extent& extent) const;
  Spacing apply(const Spacing& spacing) const;
};

// The closest permutation; strongest axis first where the grid is oblique. DataError if the affine
// is singular.
Orientation orientation_to_ras(const Affine& affine);

// The affine of the reoriented grid: the same voxel keeps its place in mm.
Affine reoriented(const Affine& affine, const Extent& extent, const Orientation& orientation);

// One channel, T in {float, uint8_t, int32_t}. `extent` is the extent of `in`; undo takes a
// reoriented array back to the file's axes
// (`extent` is then that of the file, the extent of `out`).
template <class T>
void reorient(std::span<const T> in, const Extent& extent, const Orientation& orientation,
              std::span<T> out);
template <class T>
void undo_reorient(std::span<const T> in, const Extent& extent, const Orientation& orientation,
                   std::span<T> out);

}  // namespace collegium
