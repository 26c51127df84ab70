#include "imaging/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "collegium/error.h"

namespace collegium {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double ratio(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : kNone;
}

double dice(const Overlap& o) { return ratio(2 * o.both, o.pred() + o.ref()); }

}  // namespace

Overlap overlap(std::span<const std::uint8_t> pred, std::span<const std::uint8_t> ref) {
  if (pred.size() != ref.size()) {
    throw DataError({.what = "masks of different size cannot be compared",
                     .expected = std::to_string(ref.size()) + " voxels",
                     .found = std::to_string(pred.size())});
  }
  Overlap o;
  for (std::size_t i = 0; i < pred.size(); ++i) {
    const bool p = pred[i] != 0, r = ref[i] != 0;
    o.both += p && r;
    o.only_pred += p && !r;
    o.only_ref += !p && r;
  }
  o.neither = static_cast<std::int64_t>(pred.size()) - o.both - o.only_pred - o.only_ref;
  return o;
}

double dice_brats(const Overlap& o) { return o.pred() + o.ref() == 0 ? 1 : dice(o); }

double dice_monai(const Overlap& o, bool ignore_empty) {
  if (o.ref() > 0) return dice(o);
  if (ignore_empty) return kNone;
  return o.pred() == 0 ? 1 : 0;
}

double sensitivity(const Overlap& o) { return ratio(o.both, o.ref()); }

double specificity(const Overlap& o) { return ratio(o.neither, o.neither + o.only_pred); }

double volume_ml(std::int64_t voxel_count, const Spacing& spacing) {
  return static_cast<double>(voxel_count) * spacing[0] * spacing[1] * spacing[2] / 1000;
}

}  // namespace collegium
