#pragma once
#include <array>
#include <cstdint>
#include <span>

#include "imaging/volume.h"

namespace collegium {

// Passes over (C, x, y, z) arrays. T in {float, uint8_t}.

// out[c, i] = in[c, start + i], 0 outside the image: so a start below 0 or a size beyond the end
// pads.
template <class T>
void crop(std::span<const T> in, std::int64_t channels, const Extent& extent, const Extent& start,
          const Extent& size, std::span<T> out);

// Reverses one axis (0 = x) in place.
template <class T>
void flip(std::span<T> values, std::int64_t channels, const Extent& extent, int axis);

// Per channel, over voxels that are not 0: (v - mean) / std, population std, a std of 0 counts
// as 1. Voxels of 0 stay 0. Statistics in double.
void normalise_nonzero(std::span<float> values, std::int64_t channels);

// v * factor + offset, for every voxel and channel.
void scale_and_shift(std::span<float> values, float factor, float offset);

// Where a crop starts, from numbers drawn by the caller in [0, 1): uniform over all positions that
// fit. An axis shorter than the crop is centred (half of the padding, rounded down, before).
Extent crop_start(const Extent& extent, const Extent& size, const std::array<double, 3>& u);

// The same, centred on the voxel of `mask` that `u` in [0, 1) picks uniformly, then moved inside
// the image. Falls back to the middle of the image if the mask is empty.
Extent foreground_crop_start(std::span<const std::uint8_t> mask, const Extent& extent,
                             const Extent& size, double u);

// Each axis up to the next multiple of `divisor`; at least `least`.
Extent round_up(const Extent& extent, std::int64_t divisor);
Extent at_least(const Extent& extent, const Extent& least);

// Where the image lies in a larger frame when half of the padding, rounded down, goes before it;
// negate it for crop().
Extent centred_offset(const Extent& inner, const Extent& frame);

}  // namespace collegium
