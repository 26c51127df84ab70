#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "collegium/layout.h"
#include "privacy/noise.h"
#include "torch/training/optimizers.h"

namespace collegium {

// The one place where patients' gradients meet in DP-SGD (Abadi et al. 2016, Alg. 1):
//
//   sum_i clip(g_i, C) + N(0, (z C)^2),  then divided by a public number.
//
// Gradients are clipped to C (1 - 2^-10), so that float32 sums cannot exceed C; one that is not
// finite counts as zero. Frozen slots receive nothing, noise included.
class ClippedSum {
 public:
  ClippedSum(const Layout& layout, double clip);

  void reset();
  void add(std::span<const float> gradient);  // of one patient; zero in frozen slots
  // Adds the noise, once, and divides. The sum is now what may be looked at.
  std::span<const float> release(double noise_multiplier, double divisor, NoiseStream& noise);

  std::span<const float> sum() const { return sum_; }  // before release() it is not private
  std::int64_t left_out() const {
    return left_out_;
  }  // gradients that were not finite, since construction

 private:
  std::vector<Range> ranges_;
  std::vector<float> sum_;
  double clip_;
  std::int64_t left_out_ = 0;
};

}  // namespace collegium
