#pragma once
#include "collegium/error.h"
#include "collegium/privacy.h"

namespace collegium {

// What every accountant holds to, whatever its mathematics. The checks throw ConfigError.
void check_event(const PrivacyEvent& event);  // no NaN, no negative noise, a rate in [0, 1], ...
void check_delta(double delta);               // 0 <= delta < 1
bool releases_nothing(const PrivacyEvent& event);  // no release, an empty sample, infinite noise
double sampling_rate(const PrivacyEvent& event);   // 1 for kinds without sampling

}  // namespace collegium
