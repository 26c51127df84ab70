#pragma once
#include <cmath>
#include <cstddef>

#include "vector/box_muller.h"
#include "vector/host_device.h"

namespace collegium {

// What each pass does to one element, for the CPU and the GPU alike. Arithmetic is in double and
// rounded to float once.

struct Scale {
  double factor;
  COLLEGIUM_HOST_DEVICE float operator()(float x) const { return static_cast<float>(factor * x); }
};

struct AddScaled {
  double factor;
  COLLEGIUM_HOST_DEVICE float operator()(float sum, float x) const {
    return static_cast<float>(sum + factor * static_cast<double>(x));
  }
};

COLLEGIUM_HOST_DEVICE bool is_finite_bits(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return (bits & 0x7f800000u) != 0x7f800000u;
}

// x -> g rint((x + sigma N) / g). The grid g is a power of two, so scaling by it is exact.
struct GridNoise {
  double sigma, grid, inverse_grid;

  explicit GridNoise(double sigma_)
      : sigma(sigma_), grid(std::ldexp(1.0, std::ilogb(sigma_) - 6)), inverse_grid(1.0 / grid) {}

  COLLEGIUM_HOST_DEVICE float operator()(float x, double normal) const {
    const double finite = is_finite_bits(x) ? static_cast<double>(x) : 0.0;
    const double cells = (finite + sigma * normal) * inverse_grid;
    const double size = cells < 0.0 ? -cells : cells;
    // Beyond 2^52 every double is whole. Adding 0 makes a negative zero positive.
    const double whole = size < 0x1p51 ? nearest_small(cells) : cells;
    return static_cast<float>(whole * grid + 0.0);
  }
};

// Sums have one shape everywhere: kLanes partial sums over each chunk of kChunk elements (lane i
// takes elements i, i + kLanes, ...), folded by halves, then the chunks' sums by pairs. A product
// of two floats is exact in double, so fused multiply-add changes nothing.
constexpr std::size_t kLanes = 32;
constexpr std::size_t kChunk = 4096;

}  // namespace collegium
