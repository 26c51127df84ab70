#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "imaging/volume.h"

namespace collegium {

// Overlap of two masks (non-zero = inside) voxel by voxel.
struct Overlap {
  std::int64_t both = 0;       // true positives
  std::int64_t only_pred = 0;  // false positives
  std::int64_t only_ref = 0;   // false negatives
  std::int64_t neither = 0;    // true negatives

  std::int64_t pred() const { return both + only_pred; }
  std::int64_t ref() const { return both + only_ref; }
};
Overlap overlap(std::span<const std::uint8_t> pred, std::span<const std::uint8_t> ref);

// 2 |P n R| / (|P| + |R|).
double dice_brats(const Overlap& o);  // both empty: 1; exactly one empty: 0
double dice_monai(
    const Overlap& o,
    bool ignore_empty = true);         // R empty: NaN; not ignoring: 1 if P is empty too, else 0
double sensitivity(const Overlap& o);  // NaN if there is nothing to find
double specificity(const Overlap& o);  // NaN if everything is inside the reference
double volume_ml(std::int64_t voxel_count, const Spacing& spacing);

// The distance a missed or invented region costs in BraTS: the diagonal of its 240 x 240 x 155 mm
// field, to two digits.
inline constexpr double kBratsMissedDistance = 373.13;

enum class HausdorffMethod {
  kBrats,  // 95th percentile of both directed surface distances pooled; both empty: 0, exactly one:
           // 373.13
  kMonai,  // the larger of the two directed 95th percentiles; any empty: NaN
};
HausdorffMethod hausdorff_method(std::string_view name);  // "brats" | "monai", else ConfigError

// mm. A surface voxel is inside with a 6-neighbour outside; beyond the array is outside.
// Percentiles interpolate linearly.
double hausdorff95(std::span<const std::uint8_t> pred, std::span<const std::uint8_t> ref,
                   const Extent& extent, const Spacing& spacing,
                   HausdorffMethod method = HausdorffMethod::kBrats);

// Distances in mm from every surface voxel of `from` to the nearest surface voxel of `to`;
// none if either mask is empty.
std::vector<double> surface_distances(std::span<const std::uint8_t> from,
                                      std::span<const std::uint8_t> to, const Extent& extent,
                                      const Spacing& spacing);

// Linear interpolation between order statistics, as numpy's default; q in [0, 1]; reorders
// `values`, which must not be empty.
double quantile(std::span<double> values, double q);

}  // namespace collegium
