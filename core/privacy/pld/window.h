#pragma once
#include <cstdint>
#include <span>

#include "privacy/pld/loss_grid.h"

namespace collegium {

struct Repeated {
  LossGrid grid;
  std::int64_t count;
};

// ln E_P[exp(order L); L finite] of one release.
double log_moment(const LossGrid& grid, double order);
double log_moment(std::span<const Repeated> parts, double order);  // of all of them together

// Where the composed loss has to be known for epsilon at a given delta, by Chernoff bounds. Where
// delta is not far above the rounding of the transform, the distribution is tilted by
// exp(tilt * loss) before it is transformed: its bulk then lies nearer to epsilon, and what rounds
// is of the size of what is sought.
struct Window {
  double tilt = 0.0;
  double low = 0.0;         // of the tilted distribution next to nothing lies below
  double high = 0.0;        // what lies above, untilted, is next to nothing of delta ...
  double high_order = 0.0;  // ... by the moment of this order

  // `log_rounding`: of the sum over any part of the transformed distribution.
  static Window of(std::span<const Repeated> parts, double delta, double log_rounding);
};

}  // namespace collegium
