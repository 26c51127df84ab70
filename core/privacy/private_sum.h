#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "privacy/noise.h"
#include "privacy/patient_clipping.h"

namespace collegium {

// The one place where patients' gradients meet in DP-SGD (Abadi et al. 2016, Alg. 1):
//
//   (sum_i clip(g_i) + N(0, (z C)^2)) / divisor,  all numbers but g_i public.
//
// Frozen slots receive nothing, noise included.
//
// Rounding: patients are summed in double and the sum is rounded to float32 once, before the noise.
// That moves two neighbouring sums of n patients apart by at most 2 n C 2^-24, so the margin of the
// factors, C 2^-10, covers any step of up to 2^13 patients. Sums of w patients each that were
// formed in float32 differ by up to 2 (n / w) w^2 C 2^-24: covered up to n w = 2^13.
class PrivateSum {
 public:
  PrivateSum(const Layout& layout, PatientClipping clipping);

  PatientClipping& clipping() { return clipping_; }
  const PatientClipping& clipping() const { return clipping_; }

  void add(std::span<const float> gradient);  // of one patient
  // A sum of gradients that were multiplied by clipping().factors() already. std::logic_error if it
  // is larger than so many patients could have made it.
  void add_clipped(std::span<const float> sum, std::size_t patients);

  // Adds the noise and divides: what comes back may be looked at, the sum is gone, so that no
  // second draw is ever made over it. std::invalid_argument unless divisor is above 0 and finite.
  std::span<const float> release(double noise_multiplier, double divisor, NoiseStream& noise);

  std::span<const double> unprotected() const { return sum_; }  // for tests and audits

 private:
  PatientClipping clipping_;
  std::vector<Range> ranges_;
  std::vector<double> sum_;
  std::vector<float> released_;
};

}  // namespace collegium
