#pragma once
#include <cstdint>

#include "privacy/noise.h"

namespace collegium {

// A clipping bound C that follows the median of the patients' norms (Andrew et al. 2021, Alg. 1):
//
//   b = 1/2 + (sum_i (1[norm_i <= C] - 1/2) + N(0, s^2)) / divisor,   C <- C exp(-0.2 (b - 1/2)),
//
// so C grows while more than half of the patients are cut. One patient moves the count by 1/2.
//
// Count and gradients come from the same Poisson sample, so together they are one sampled Gaussian
// release and not two events: with deviations s = z / (2 sqrt(r)) of the count and C z / sqrt(1 -
// r) of the gradients its noise multiplier is z exactly, for 1 / z^2 = (1 - r) / z^2 + r / z^2
// (ibid., Thm. 1). A share r = 1/20 makes the noise on the gradients 2.6 % larger.
class AdaptiveBound {
 public:
  explicit AdaptiveBound(double start) : start_(start), bound_(start) {}

  double value() const { return bound_; }
  void count(double norm);  // of one patient; finite

  // Standard deviation / bound of the gradients' noise when `noise_multiplier` is charged.
  static double gradient_noise(double noise_multiplier);
  // Releases the count and moves the bound. `divisor`: the expected number of patients, a public
  // number.
  void move(double noise_multiplier, double divisor, NoiseStream& noise);

 private:
  double start_, bound_;
  std::int64_t halves_ = 0;  // twice the centred count
};

}  // namespace collegium
