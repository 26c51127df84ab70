#pragma once
#include <optional>

#include "collegium/privacy.h"
#include "privacy/pld/loss_grid.h"

namespace collegium {

// The dominating pair of one release (whatever its `count`) as a privacy loss: P with the unit, Q
// without it; dual() is the other direction. Both are needed where symmetric_loss is false.
//
//   Gaussian, Laplace, integers: P = (1-q) f(x) + q f(x+1), Q = f(x) in units of the sensitivity
//   cut batches:                 with probability `overfull` the pair of twice the sensitivity
//   pure and approximate:        randomised response (Kairouz, Oh and Viswanath 2015)
struct LossRange {
  double low = 0.0, high = 0.0;
};

// Whether there is such a pair: not for samples of fixed size (Lebeda et al. 2024) and for vectors
// of integers under Gaussian noise.
bool has_privacy_loss(const PrivacyEvent& event);
bool symmetric_loss(const PrivacyEvent& event);

// Outcomes of total probability `tail` may be given up as infinite losses; the range is that of the
// rest.
LossRange loss_range(const PrivacyEvent& event, double tail);
LossGrid discretise(const PrivacyEvent& event, double step, double tail);

}  // namespace collegium
