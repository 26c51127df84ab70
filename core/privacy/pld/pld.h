#pragma once
#include <span>

#include "collegium/privacy.h"

namespace collegium {

// Epsilon at `delta` from privacy loss distributions: pessimistic connect-the-dots (Doroshenko et
// al. 2022), composed by FFT, both directions of a pair of neighbours, the larger of the two. Valid
// inside one schedule that was fixed beforehand; between runs see renyi_epsilon.
//
// Never below the truth; the grid is refined until what it adds to epsilon is about `tolerance` of
// it. What is given up on the way counts as infinite loss: the tails of the noise, what lies
// above the window, and the rounding of the FFT. Infinite for delta 0 and for events without a
// known dominating pair. The events are checked, and none is unbounded.
double pld_epsilon(std::span<const PrivacyEvent> events, double delta, double tolerance = 8e-5);

}  // namespace collegium
