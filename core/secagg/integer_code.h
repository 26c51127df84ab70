#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace collegium::secagg {

// Vectors as integers, so that masks cancel exactly. A site with weight w of at most W adds
//   x_i = trunc(S (w / W) clamp(delta_i, -c, c)),  and one more value  trunc(V w / W),
// so that the sum of the x_i over the last value's sum, times V / S, is the weighted mean.
// Truncation is toward zero: it never makes a vector longer.
//
// No sum overflows: sites S c + margin < 2^(bits - 1), the same for V with 1 in the place of c.
struct IntegerCode {
  double clip = 1;        // c: the largest value of an update that is not cut
  double max_weight = 1;  // W
  int scale_bits = 0;     // S = 2^scale_bits
  int weight_bits = 0;    // V = 2^weight_bits
  int word_bits = 32;     // 32, or 64 where they would overflow

  // The finest scale that 32 bits hold for so many sites; or the given one, in 64 bits where it has
  // to be. `margin`: of noise that is added to the integers. Throws ConfigError when nothing holds.
  static IntegerCode of(std::uint32_t sites, double clip, double max_weight, double margin = 0);
  static IntegerCode with_scale(std::uint32_t sites, double clip, double max_weight, int scale_bits,
                                double margin = 0);

  std::size_t word_size() const { return static_cast<std::size_t>(word_bits) / 8; }
};

// delta and the weight as words modulo 2^bits: words.size() = delta.size() + 1. Returns how many
// values were cut at the clip. Throws DataError for a value that is not finite, or a weight that is
// not in (0, max_weight].
std::size_t encode(const IntegerCode& code, std::span<const float> delta, double weight,
                   std::span<std::uint32_t> words);
std::size_t encode(const IntegerCode& code, std::span<const float> delta, double weight,
                   std::span<std::uint64_t> words);

// The other way for sums: the weighted mean. Returns the sum of the weights. Throws ProtocolError
// when that is not positive.
double decode(const IntegerCode& code, std::span<const std::uint32_t> words, std::span<float> mean);
double decode(const IntegerCode& code, std::span<const std::uint64_t> words, std::span<float> mean);

}  // namespace collegium::secagg
