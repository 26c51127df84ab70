#pragma once
#include <cmath>

#include "vector/host_device.h"

namespace collegium {

// Normals from random words by the Box-Muller transform. Everything below is a fixed sequence of
// IEEE operations without branches or library calls (but sqrt, which is exact), compiled without
// fused multiply-add: a compiler may vectorise it, and the CPU and the GPU give the same bits. The
// polynomials are those of FDLIBM (Sun, 1993).

struct NormalPair {
  double first, second;
};

// The nearest double to a 64-bit integer, by way of its halves; a plain conversion vectorises on
// few processors.
COLLEGIUM_HOST_DEVICE double to_double(std::uint64_t x) {
  // Both differences are exact: the high half times 2^32, and the low half.
  const double high = from_bits(0x4530000000000000u | x >> 32) - 0x1p84;
  const double low = from_bits(0x4330000000000000u | (x & 0xffffffffu)) - 0x1p52;
  return high + low;
}

// (x + 1) / 2^64, in (0, 1].
COLLEGIUM_HOST_DEVICE double unit_interval(std::uint64_t x) {
  return (to_double(x) + 1.0) * 0x1p-64;
}

// The nearest integer, ties to even, for |x| < 2^51.
COLLEGIUM_HOST_DEVICE double nearest_small(double x) { return (x + 0x1.8p52) - 0x1.8p52; }

// c0 + z (c1 + z (c2 + ...)).
COLLEGIUM_HOST_DEVICE double polynomial(double, double last) { return last; }
template <class... Rest>
COLLEGIUM_HOST_DEVICE double polynomial(double z, double c0, Rest... rest) {
  return c0 + z * polynomial(z, rest...);
}

// -log((x + 1) / 2^64).
COLLEGIUM_HOST_DEVICE double minus_log(std::uint64_t x) {
  const double u = unit_interval(x);
  // u = 2^k m with m in [sqrt(1/2), sqrt(2)).
  const std::uint64_t shifted = bits_of(u) + (0x3ff0000000000000u - 0x3fe6a09e667f3bcdu);
  const double k = from_bits(0x4330000000000000u | shifted >> 52) - (0x1p52 + 1023.0);
  const double m = from_bits((shifted & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu);
  // Near 1 u itself has lost the last bits of x.
  const double f = k == 0.0 ? to_double(~x) * -0x1p-64 : m - 1.0;
  const double s = f / (2.0 + f);
  const double z = s * s;
  const double series =
      z * polynomial(z, 6.666666666666735130e-01, 3.999999999940941908e-01,
                     2.857142874366239149e-01, 2.222219843214978396e-01, 1.818357216161805012e-01,
                     1.531383769920937332e-01, 1.479819860511658591e-01);
  const double half_square = 0.5 * f * f;
  const double log_2_high = 6.93147180369123816490e-01, log_2_low = 1.90821492927058770002e-10;
  return (half_square - (s * (half_square + series) + k * log_2_low)) - f - k * log_2_high;
}

// cos and sin of 2 pi t, t in [0, 1].
COLLEGIUM_HOST_DEVICE NormalPair turn(double t) {
  const double quarter = nearest_small(4.0 * t);
  // In [-pi/4, pi/4]; the difference is exact.
  const double x = (4.0 * t - quarter) * 1.57079632679489661923;
  const double z = x * x;
  const double sine = x + x * z *
                              polynomial(z, -1.66666666666666324348e-01, 8.33333333332248946124e-03,
                                         -1.98412698298579493134e-04, 2.75573137070700676789e-06,
                                         -2.50507602534068634195e-08, 1.58969099521155010221e-10);
  const double tail = polynomial(z, 4.16666666666666019037e-02, -1.38888888888741095749e-03,
                                 2.48015872894767294178e-05, -2.75573143513906633035e-07,
                                 2.08757232129817482790e-09, -1.13596475577881948265e-11);
  const double cosine = 1.0 - (0.5 * z - z * z * tail);
  const std::uint64_t n = bits_of(quarter + 0x1p52);  // its low bits count the quarters
  const std::uint64_t swap = 0 - (n & 1u);
  const std::uint64_t c = (bits_of(cosine) & ~swap) | (bits_of(sine) & swap);
  const std::uint64_t s = (bits_of(sine) & ~swap) | (bits_of(cosine) & swap);
  return {from_bits(c ^ ((n + 1u) & 2u) << 62), from_bits(s ^ (n & 2u) << 62)};
}

// Two independent normals from 128 random bits; |value| <= 9.42.
COLLEGIUM_HOST_DEVICE NormalPair box_muller(std::uint64_t radius_bits, std::uint64_t angle_bits) {
  const double radius = ::sqrt(2.0 * minus_log(radius_bits));
  const NormalPair direction = turn(to_double(angle_bits) * 0x1p-64);
  return {radius * direction.first, radius * direction.second};
}

COLLEGIUM_HOST_DEVICE NormalPair box_muller(const std::uint32_t words[4]) {
  return box_muller(words[0] | std::uint64_t{words[1]} << 32,
                    words[2] | std::uint64_t{words[3]} << 32);
}

}  // namespace collegium
