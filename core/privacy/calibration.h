#pragma once
#include <cstdint>

namespace collegium {

// The least noise multiplier, to one part in ten thousand and rounded up, with which one fixed
// schedule of `steps` releases at this sampling rate stays within epsilon, as epsilon() of
// accountant.h has it. 0 if nothing is released. ConfigError unless epsilon > 0 and 0 < delta < 1.
double calibrate_noise(double epsilon, double delta, double sampling_rate, std::int64_t steps);

// The most steps, to one part in ten thousand and rounded down, that stay within epsilon.
// ConfigError as above, when a single step is too much, and when any number of them is free.
std::int64_t calibrate_steps(double epsilon, double delta, double sampling_rate,
                             double noise_multiplier);

}  // namespace collegium
