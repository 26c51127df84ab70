#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace collegium {

// Array order, everywhere in imaging: index [x, y, z] with x the first axis of the NIfTI file,
// row-major, so the LAST axis is contiguous. This is what nibabel and MONAI show; the file itself
// stores x fastest. Images are (C, x, y, z).
using Extent = std::array<std::int64_t, 3>;
using Spacing = std::array<double, 3>;  // mm between voxel centres along x, y, z
using Affine = std::array<std::array<double, 4>,
                          4>;  // voxel index -> mm, axes to the Right, Anterior, Superior

inline std::int64_t voxels(const Extent& extent) { return extent[0] * extent[1] * extent[2]; }

// Column norms of the affine.
Spacing spacing_of(const Affine& affine);

// What a file's header says about its grid.
struct Grid {
  std::vector<std::int64_t> shape;  // x, y, z[, t ...] as in the file, 1 to 7 axes
  Affine affine{};
  Spacing spacing{};

  Extent extent() const;          // the first three axes, missing ones 1
  std::int64_t channels() const;  // product of the axes after the third
  std::int64_t size() const;      // product of all
};

struct Volume {
  Grid grid;
  std::vector<float> values;  // row-major over grid.shape: 4D files are [x, y, z, t]
};

struct LabelVolume {
  Grid grid;
  std::vector<std::int32_t> values;
};

// A stack of channels on one grid: (channels, x, y, z).
template <class T>
struct Image {
  std::int64_t channels = 0;
  Extent extent{};
  std::vector<T> values;

  Image() = default;
  Image(std::int64_t channel_count, Extent size)
      : channels(channel_count),
        extent(size),
        values(static_cast<std::size_t>(channel_count * voxels(size))) {}
  std::span<const T> channel(std::int64_t c) const {
    return std::span(values).subspan(offset(c), stride());
  }
  std::span<T> channel(std::int64_t c) { return std::span(values).subspan(offset(c), stride()); }

 private:
  std::size_t stride() const { return static_cast<std::size_t>(voxels(extent)); }
  std::size_t offset(std::int64_t c) const { return static_cast<std::size_t>(c) * stride(); }
};
using FloatImage = Image<float>;
using MaskImage = Image<std::uint8_t>;  // 0 or 1

}  // namespace collegium
