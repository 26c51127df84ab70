#pragma once

// What the toys' updates come to under privacy of whole sites, and how much noise lies on it.
#include <cmath>
#include <cstddef>
#include <vector>

#include "transport/toy_federation.h"

namespace collegium::toy {

inline constexpr std::size_t kSize = 4000;
inline constexpr double kClip = 2;  // the toys' updates are longer than that

// The mean of the first round's clipped updates, without noise.
inline std::vector<double> clipped_mean(int sites, int divisor) {
  std::vector<double> mean(kSize, 0.0);
  for (int site = 0; site < sites; ++site) {
    double squares = 0;
    for (std::size_t i = 0; i < kSize; ++i)
      squares += std::pow(0.25 * target_of(static_cast<std::size_t>(site), i), 2);
    for (std::size_t i = 0; i < kSize; ++i)
      mean[i] += 0.25 * target_of(static_cast<std::size_t>(site), i) * kClip / std::sqrt(squares) /
                 divisor;
  }
  return mean;
}

// Mean square of what the model has beside `expected`.
inline double noise_variance(const std::vector<float>& model, const std::vector<double>& expected) {
  double squares = 0;
  for (std::size_t i = 0; i < kSize; ++i) squares += std::pow(model[i] - expected[i], 2);
  return squares / kSize;
}

// The mean square of 4000 normals misses 1 +- 0.146 with probability below 1e-10.
inline constexpr double kTolerance = 0.146;

}  // namespace collegium::toy
