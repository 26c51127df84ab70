#pragma once
#include <vector>

#include "store/ledger.h"

namespace collegium {

// Adds to a composition. Equal mechanisms become one event with a larger count: divergences add up,
// and a run repeats one event hundreds of times.
void add_event(std::vector<PrivacyEvent>& events, const PrivacyEvent& event);

// 0 for no events; infinite when one of them has no bound or the accountant gives no number.
double composed_epsilon(const EpsilonOf& epsilon_of, const std::vector<PrivacyEvent>& events,
                        double delta);

}  // namespace collegium
