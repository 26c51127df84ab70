#include "torch/training/clipped_sum.h"

#include <algorithm>
#include <cmath>

#include "collegium/vector_ops.h"

namespace collegium {

ClippedSum::ClippedSum(const Layout& layout, double clip)
    : ranges_(trainable_ranges(layout)), sum_(layout.size()), clip_(clip) {}

void ClippedSum::reset() { std::fill(sum_.begin(), sum_.end(), 0.0f); }

void ClippedSum::add(std::span<const float> gradient) {
  const double norm = l2_norm(gradient);
  if (!std::isfinite(norm)) {
    ++left_out_;
    return;
  }
  const double factor = clip_factor(norm, clip_);
  for (const auto& range : ranges_)
    add_scaled(std::span(sum_).subspan(range.offset, range.size), factor,
               gradient.subspan(range.offset, range.size));
}

std::span<const float> ClippedSum::release(double noise_multiplier, double divisor,
                                           NoiseStream& noise) {
  for (const auto& range : ranges_) {
    const auto part = std::span(sum_).subspan(range.offset, range.size);
    add_gaussian_noise(part, noise_multiplier * clip_, noise);
    scale(part, 1 / divisor);
  }
  return sum_;
}

}  // namespace collegium
