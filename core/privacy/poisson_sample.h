#pragma once
#include <cstddef>
#include <vector>

#include "collegium/random.h"

namespace collegium {

// Which of `subjects` are in one step: each independently with probability `rate`, in ascending
// order. This is the sampling that privacy amplification is proved for; samples differ in size, may
// be empty and are never cut. The coins are as secret as the noise. ConfigError unless rate is in
// [0, 1].
std::vector<std::size_t> poisson_sample(std::size_t subjects, double rate, SecureRandom& random);

}  // namespace collegium
