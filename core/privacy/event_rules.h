#pragma once
#include <span>
#include <vector>

#include "collegium/error.h"
#include "collegium/privacy.h"

namespace collegium {

// What every accountant holds to, whatever its mathematics. The checks throw ConfigError.
void check_event(const PrivacyEvent& event);  // no NaN, no negative noise, a rate in [0, 1], ...
// Each of them, and that all that releases something means the same neighbours.
void check_events(std::span<const PrivacyEvent> events);
void check_delta(double delta);                    // 0 <= delta < 1
bool releases_nothing(const PrivacyEvent& event);  // no release, an empty sample, infinite noise

bool has_noise(PrivacyEvent::Kind kind);    // noise_multiplier is read
bool is_sampled(PrivacyEvent::Kind kind);   // sampling_rate is read
bool is_discrete(PrivacyEvent::Kind kind);  // sensitivity is read

// Adds to a composition. Equal mechanisms become one event with a larger count: a run repeats one
// event hundreds of times.
void add_event(std::vector<PrivacyEvent>& events, const PrivacyEvent& event);

// The delta of the composition's approximate events, each of which keeps its epsilon but for an
// event of probability delta (Kairouz, Oh and Viswanath 2015). An accountant that cannot carry it
// sets it aside.
double delta_set_aside(std::span<const PrivacyEvent> events);

}  // namespace collegium
