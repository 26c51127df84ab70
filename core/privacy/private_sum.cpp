#include "privacy/private_sum.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "collegium/vector_ops.h"

namespace collegium {

PrivateSum::PrivateSum(const Layout& layout, PatientClipping clipping)
    : clipping_(std::move(clipping)),
      ranges_(trainable_ranges(layout)),
      sum_(layout.size()),
      released_(layout.size()) {}

void PrivateSum::add(std::span<const float> gradient) {
  const auto factors = clipping_.factors(clipping_.norms(gradient));
  for (std::size_t i = 0; i < factors.size(); ++i) {
    if (factors[i] == 0.0) continue;  // 0 times NaN is NaN
    for (const auto& range : clipping_.groups()[i])
      add_scaled(std::span(sum_).subspan(range.offset, range.size), factors[i],
                 gradient.subspan(range.offset, range.size));
  }
}

void PrivateSum::add_clipped(std::span<const float> sum, std::size_t patients) {
  double squares = 0;
  for (const auto& range : ranges_) {
    const double norm = l2_norm(sum.subspan(range.offset, range.size));
    squares += norm * norm;
  }
  if (!(std::sqrt(squares) <= static_cast<double>(patients) * clipping_.sensitivity()))
    throw std::logic_error("a sum of clipped gradients is larger than its patients can make it");
  for (const auto& range : ranges_)
    add_scaled(std::span(sum_).subspan(range.offset, range.size), 1.0,
               sum.subspan(range.offset, range.size));
}

std::span<const float> PrivateSum::release(double noise_multiplier, double divisor,
                                           NoiseStream& noise) {
  if (!(divisor > 0.0) || std::isinf(divisor))
    throw std::invalid_argument("a private sum is divided by a number above 0");
  const double deviation = clipping_.noise(noise_multiplier);
  for (const auto& range : ranges_) {
    const auto part = std::span(released_).subspan(range.offset, range.size);
    std::transform(sum_.begin() + static_cast<std::ptrdiff_t>(range.offset),
                   sum_.begin() + static_cast<std::ptrdiff_t>(range.offset + range.size),
                   part.begin(), [](double value) { return static_cast<float>(value); });
    add_gaussian_noise(part, deviation, noise);
    scale(part, 1 / divisor);
  }
  std::fill(sum_.begin(), sum_.end(), 0.0);
  clipping_.close_step(noise_multiplier, divisor, noise);
  return released_;
}

}  // namespace collegium
