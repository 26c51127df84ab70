#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "imaging/volume.h"

namespace collegium {

// For every voxel the squared Euclidean distance in mm^2 to the nearest voxel of `mask`; infinity
// everywhere if it is empty. Exact: lower envelopes of parabolas, one axis after the other
// (Felzenszwalb and Huttenlocher 2012), in linear time.
std::vector<double> squared_distances(std::span<const std::uint8_t> mask, const Extent& extent,
                                      const Spacing& spacing);

}  // namespace collegium
