#pragma once
#include "collegium/error.h"
#include "collegium/privacy.h"

namespace collegium {

// What every accountant holds to, whatever its mathematics.
void check_event(const PrivacyEvent& event);           // ConfigError: NaN, negative noise, a rate outside [0, 1], ...
void check_delta(double delta);                        // ConfigError unless 0 <= delta < 1
bool releases_nothing(const PrivacyEvent& event);      // no release, an empty sample, or infinite noise
double sampling_rate(const PrivacyEvent& event);       // 1 for kinds without sampling

}  // namespace collegium
