#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "collegium/privacy.h"

namespace collegium {

// The smallest epsilon that we can prove for the composition of `events` at this delta, for
// neighbours that differ by adding or removing one unit: the least of Renyi accounting, the exact
// Gaussian curve (where every event is Gaussian and unsampled) and plain sums of pure events. Never
// below the truth; infinite when nothing can be promised. ConfigError: delta outside [0, 1), a rate
// outside [0, 1], a negative count or noise, NaN anywhere.
double epsilon(std::span<const PrivacyEvent> events, double delta);

// The same from the sums of Renyi divergences alone, at the best of the default orders. What
// approximate events leave out is taken from delta first. For composition across runs see filter.h.
double renyi_epsilon(std::span<const PrivacyEvent> events, double delta);

// Renyi divergence of one event (all its `count` releases) at each order > 1; per order it adds up
// across events. Of an approximate event: but for what delta_set_aside (event_rules.h) counts.
std::vector<double> rdp(const PrivacyEvent& event, std::span<const double> orders);
const std::vector<double>& default_orders();

// Renyi curve -> epsilon at delta (Canonne, Kamath and Steinke 2020, Prop. 12; Balle et al. 2020).
double epsilon_from_rdp(std::span<const double> orders, std::span<const double> rdp, double delta);

// Epsilon of a Gaussian release whose sensitivity / standard deviation is mu (Balle and Wang 2018),
// from above.
double gaussian_epsilon(double mu, double delta);

// The least noise multiplier with which `steps` releases at this sampling rate stay within epsilon,
// rounded up. 0 if nothing is released. ConfigError unless epsilon > 0 and 0 < delta < 1.
double calibrate_noise(double epsilon, double delta, double sampling_rate, std::int64_t steps);

}  // namespace collegium
