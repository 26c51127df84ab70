#include "imaging/orientation.h"

#include <cmath>

#include "collegium/error.h"

namespace collegium {
namespace {

// out[i] = in[from + i . step], over the extent of `out`.
struct Walk {
  std::array<std::ptrdiff_t, 3> step{};
  std::ptrdiff_t from = 0;
};

Walk walk(const Extent& extent, const Orientation& orientation) {
  const std::array<std::ptrdiff_t, 3> strides{extent[1] * extent[2], extent[2], 1};
  Walk w;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const auto source = static_cast<std::size_t>(orientation.source[axis]);
    w.step[axis] = orientation.reversed[axis] ? -strides[source] : strides[source];
    if (orientation.reversed[axis]) w.from += (extent[source] - 1) * strides[source];
  }
  return w;
}

template <class Visit>
void for_each(const Extent& extent, const Walk& w, const Visit& visit) {
  std::size_t here = 0;
  for (std::int64_t x = 0; x < extent[0]; ++x) {
    for (std::int64_t y = 0; y < extent[1]; ++y) {
      std::ptrdiff_t there = w.from + x * w.step[0] + y * w.step[1];
      for (std::int64_t z = 0; z < extent[2]; ++z, there += w.step[2]) {
        visit(here++, static_cast<std::size_t>(there));
      }
    }
  }
}

}  // namespace

bool Orientation::is_identity() const {
  return source == std::array{0, 1, 2} && reversed == std::array{false, false, false};
}

Extent Orientation::apply(const Extent& extent) const {
  Extent out{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    out[axis] = extent[static_cast<std::size_t>(source[axis])];
  }
  return out;
}

Spacing Orientation::apply(const Spacing& spacing) const {
  Spacing out{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    out[axis] = spacing[static_cast<std::size_t>(source[axis])];
  }
  return out;
}

Orientation orientation_to_ras(const Affine& affine) {
  const Spacing spacing = spacing_of(affine);
  Orientation orientation;
  std::array<bool, 3> row_taken{}, column_taken{};
  for (int round = 0; round < 3; ++round) {
    double strongest = 0;
    std::size_t best_row = 0, best_column = 0;
    for (std::size_t row = 0; row < 3; ++row) {
      for (std::size_t column = 0; column < 3; ++column) {
        if (row_taken[row] || column_taken[column]) continue;
        const double cosine = std::abs(affine[row][column]) / spacing[column];
        if (cosine > strongest) strongest = cosine, best_row = row, best_column = column;
      }
    }
    if (strongest == 0) {  // also for NaN, which no comparison finds
      throw DataError({.what = "the orientation is singular",
                       .expected = "an affine that can be inverted",
                       .found = "an axis that leads nowhere"});
    }
    row_taken[best_row] = column_taken[best_column] = true;
    orientation.source[best_row] = static_cast<int>(best_column);
    orientation.reversed[best_row] = affine[best_row][best_column] < 0;
  }
  return orientation;
}

Affine reoriented(const Affine& affine, const Extent& extent, const Orientation& orientation) {
  Affine out = affine;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const auto source = static_cast<std::size_t>(orientation.source[axis]);
    for (std::size_t row = 0; row < 3; ++row) {
      const double step = affine[row][source];
      out[row][axis] = orientation.reversed[axis] ? -step : step;
      if (orientation.reversed[axis]) out[row][3] += step * static_cast<double>(extent[source] - 1);
    }
  }
  return out;
}

template <class T>
void reorient(std::span<const T> in, const Extent& extent, const Orientation& orientation,
              std::span<T> out) {
  for_each(orientation.apply(extent), walk(extent, orientation),
           [&](std::size_t here, std::size_t there) { out[here] = in[there]; });
}

template <class T>
void undo_reorient(std::span<const T> in, const Extent& extent, const Orientation& orientation,
                   std::span<T> out) {
  for_each(orientation.apply(extent), walk(extent, orientation),
           [&](std::size_t here, std::size_t there) { out[there] = in[here]; });
}

template void reorient(std::span<const float>, const Extent&, const Orientation&, std::span<float>);
template void reorient(std::span<const std::uint8_t>, const Extent&, const Orientation&,
                       std::span<std::uint8_t>);
template void reorient(std::span<const std::int32_t>, const Extent&, const Orientation&,
                       std::span<std::int32_t>);
template void undo_reorient(std::span<const float>, const Extent&, const Orientation&,
                            std::span<float>);
template void undo_reorient(std::span<const std::uint8_t>, const Extent&, const Orientation&,
                            std::span<std::uint8_t>);
template void undo_reorient(std::span<const std::int32_t>, const Extent&, const Orientation&,
                            std::span<std::int32_t>);

}  // namespace collegium
