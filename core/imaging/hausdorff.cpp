#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "collegium/error.h"
#include "imaging/distance.h"
#include "imaging/metrics.h"
#include "imaging/transforms.h"

namespace collegium {
namespace {

using Mask = std::vector<std::uint8_t>;

struct Box {
  Extent start{std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::max(),
               std::numeric_limits<std::int64_t>::max()};
  Extent end{};  // one past the last

  void include(std::int64_t x, std::int64_t y, std::int64_t z) {
    start = {std::min(start[0], x), std::min(start[1], y), std::min(start[2], z)};
    end = {std::max(end[0], x + 1), std::max(end[1], y + 1), std::max(end[2], z + 1)};
  }
  Extent size() const { return {end[0] - start[0], end[1] - start[1], end[2] - start[2]}; }
};

void include(Box& box, std::span<const std::uint8_t> mask, const Extent& extent) {
  std::size_t at = 0;
  for (std::int64_t x = 0; x < extent[0]; ++x) {
    for (std::int64_t y = 0; y < extent[1]; ++y, at += static_cast<std::size_t>(extent[2])) {
      const auto row = mask.subspan(at, static_cast<std::size_t>(extent[2]));
      const auto inside = [](std::uint8_t v) { return v != 0; };
      const auto first = std::find_if(row.begin(), row.end(), inside);
      if (first == row.end()) continue;
      const auto last = std::find_if(row.rbegin(), row.rend(), inside);
      box.include(x, y, first - row.begin());
      box.include(x, y, row.rend() - last - 1);
    }
  }
}

// mask xor its erosion by the 6-neighbour cross: inside, with an outside (or no) neighbour.
Mask surface(std::span<const std::uint8_t> mask, const Extent& extent) {
  const std::ptrdiff_t strides[3] = {extent[1] * extent[2], extent[2], 1};
  Mask out(mask.size());
  std::size_t at = 0;
  for (std::int64_t x = 0; x < extent[0]; ++x) {
    for (std::int64_t y = 0; y < extent[1]; ++y) {
      for (std::int64_t z = 0; z < extent[2]; ++z, ++at) {
        if (mask[at] == 0) continue;
        const std::int64_t place[3] = {x, y, z};
        const std::uint8_t* here = mask.data() + at;
        for (std::size_t axis = 0; axis < 3; ++axis) {
          const bool low = place[axis] == 0 || here[-strides[axis]] == 0;
          const bool high = place[axis] + 1 == extent[axis] || here[strides[axis]] == 0;
          if (low || high) out[at] = 1;
        }
      }
    }
  }
  return out;
}

std::vector<double> distances_at(const Mask& places, const std::vector<double>& squared) {
  std::vector<double> out;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (places[i] != 0) out.push_back(std::sqrt(squared[i]));
  }
  return out;
}

// Both masks cut to the box that holds them. What was cut off was outside, as is all beyond an
// array.
struct CutPair {
  Extent extent{};
  Mask first, second;  // surfaces
};

CutPair cut_surfaces(std::span<const std::uint8_t> first, std::span<const std::uint8_t> second,
                     const Extent& extent) {
  Box box;
  include(box, first, extent);
  include(box, second, extent);
  const auto cut = [&](std::span<const std::uint8_t> mask) {
    Mask inner(static_cast<std::size_t>(voxels(box.size())));
    crop<std::uint8_t>(mask, 1, extent, box.start, box.size(), inner);
    return surface(inner, box.size());
  };
  return {box.size(), cut(first), cut(second)};
}

void check(std::span<const std::uint8_t> pred, std::span<const std::uint8_t> ref,
           const Extent& extent, const Spacing& spacing) {
  const auto size = static_cast<std::size_t>(voxels(extent));
  if (pred.size() != size || ref.size() != size) {
    throw DataError({.what = "masks of different size cannot be compared",
                     .expected = std::to_string(size) + " voxels each",
                     .found = std::to_string(pred.size()) + " and " + std::to_string(ref.size())});
  }
  for (const double length : spacing) {
    if (!(length > 0) || !std::isfinite(length)) {
      throw DataError({.what = "the spacing is not usable",
                       .expected = "three lengths in mm above 0",
                       .found = std::to_string(length)});
    }
  }
}

bool any(std::span<const std::uint8_t> mask) {
  return std::any_of(mask.begin(), mask.end(), [](std::uint8_t v) { return v != 0; });
}

}  // namespace

HausdorffMethod hausdorff_method(std::string_view name) {
  if (name == "brats") return HausdorffMethod::kBrats;
  if (name == "monai") return HausdorffMethod::kMonai;
  throw ConfigError({.what = "unknown Hausdorff method '" + std::string(name) + "'",
                     .expected = "brats or monai",
                     .found = std::string(name)});
}

double quantile(std::span<double> values, double q) {
  const double place = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(below);
  std::nth_element(values.begin(), middle, values.end());
  const double low = *middle;
  if (below + 1 == values.size()) return low;
  const double high = *std::min_element(middle + 1, values.end());
  return low + (place - static_cast<double>(below)) * (high - low);
}

std::vector<double> surface_distances(std::span<const std::uint8_t> from,
                                      std::span<const std::uint8_t> to, const Extent& extent,
                                      const Spacing& spacing) {
  check(from, to, extent, spacing);
  if (!any(from) || !any(to)) return {};
  const CutPair pair = cut_surfaces(from, to, extent);
  return distances_at(pair.first, squared_distances(pair.second, pair.extent, spacing));
}

double hausdorff95(std::span<const std::uint8_t> pred, std::span<const std::uint8_t> ref,
                   const Extent& extent, const Spacing& spacing, HausdorffMethod method) {
  check(pred, ref, extent, spacing);
  const bool no_pred = !any(pred), no_ref = !any(ref), brats = method == HausdorffMethod::kBrats;
  if (no_pred || no_ref) {
    if (!brats) return std::numeric_limits<double>::quiet_NaN();
    return no_pred && no_ref ? 0 : kBratsMissedDistance;
  }
  const CutPair pair = cut_surfaces(pred, ref, extent);
  auto there = distances_at(pair.first, squared_distances(pair.second, pair.extent, spacing));
  auto back = distances_at(pair.second, squared_distances(pair.first, pair.extent, spacing));
  if (!brats) return std::max(quantile(there, 0.95), quantile(back, 0.95));
  there.insert(there.end(), back.begin(), back.end());
  return quantile(there, 0.95);
}

}  // namespace collegium
