#pragma once
#include <cstdint>

namespace collegium {

// A Poisson sample of `units` units that is cut to `max_batch` random ones when it is larger. Let B
// be the number of the others that are sampled. Unless B >= max_batch a unit only comes or goes, as
// without a cap; else it takes the place of another, which doubles the sensitivity. Given B, the
// output is a mixture with public weights, so that every divergence which is jointly convex is at
// most the mixture of the two (Ganesh 2024, "Tight group-level DP guarantees ...", states the same
// split).
struct CappedBatch {
  double overfull = 0.0;            // probability of B >= max_batch, from above
  double rate_when_overfull = 0.0;  // of the unit being in the batch, given that; from above

  static CappedBatch of(double sampling_rate, std::int64_t max_batch, std::int64_t units);
};

}  // namespace collegium
