#include "privacy/adaptive_bound.h"

#include <algorithm>
#include <cmath>

namespace collegium {
namespace {

constexpr double kTarget = 0.5;       // Andrew et al. 2021 found the median and
constexpr double kRate = 0.2;         // this rate good in every task they tried
constexpr double kCountShare = 0.05;  // of 1 / z^2
constexpr double kFurthest = 1e6;     // from the start: noise alone must not carry the bound away

}  // namespace

void AdaptiveBound::count(double norm) { halves_ += norm <= bound_ ? 1 : -1; }

double AdaptiveBound::gradient_noise(double noise_multiplier) {
  return noise_multiplier / std::sqrt(1 - kCountShare);
}

void AdaptiveBound::move(double noise_multiplier, double divisor, NoiseStream& noise) {
  float count = static_cast<float>(halves_) / 2;
  halves_ = 0;
  add_gaussian_noise({&count, 1}, noise_multiplier / (2 * std::sqrt(kCountShare)), noise);
  const double within = std::clamp(0.5 + static_cast<double>(count) / divisor, 0.0, 1.0);
  bound_ = std::clamp(bound_ * std::exp(-kRate * (within - kTarget)), start_ / kFurthest,
                      start_ * kFurthest);
}

}  // namespace collegium
