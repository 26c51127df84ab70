#include "secagg/integer_code.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>

#include "collegium/error.h"

namespace collegium::secagg {
namespace {

constexpr int kMaxScaleBits = 52;  // a float32 times so much keeps its bits in a double

// The largest b with sites 2^b bound + margin < 2^(word_bits - 1).
int finest(std::uint32_t sites, double bound, double margin, int word_bits) {
  const double room = std::ldexp(1.0, word_bits - 1) - margin;
  if (!(room > 0)) return -1;
  const int bits = static_cast<int>(std::floor(std::log2(room / (sites * bound)))) + 1;
  for (int b = std::min(bits, kMaxScaleBits); b >= -64; --b)
    if (std::ldexp(sites * bound, b) < room) return b;
  return -65;
}

void check(double clip, double max_weight) {
  if (!(clip > 0) || !std::isfinite(clip))
    throw ConfigError(Problem{.what = "secure aggregation needs a bound on the values of updates",
                              .where = "[secure_aggregation] clip",
                              .expected = "a number above 0",
                              .found = std::to_string(clip)});
  if (!(max_weight > 0) || !std::isfinite(max_weight))
    throw ConfigError(Problem{.what = "secure aggregation needs a bound on the sites' weights",
                              .where = "[secure_aggregation] max_weight",
                              .expected = "a number above 0",
                              .found = std::to_string(max_weight)});
}

template <class Word>
std::size_t encode_words(const IntegerCode& code, std::span<const float> delta, double weight,
                         std::span<Word> words) {
  if (!(weight > 0) || weight > code.max_weight)
    throw DataError(Problem{.what = "the update's weight is outside of what was declared",
                            .where = "[secure_aggregation] max_weight",
                            .expected = "above 0 and at most " + std::to_string(code.max_weight),
                            .found = std::to_string(weight)});
  using Signed = std::make_signed_t<Word>;
  const double share = weight / code.max_weight;
  const double factor = std::ldexp(share, code.scale_bits);
  std::size_t cut = 0;
  bool finite = true;
  for (std::size_t i = 0; i < delta.size(); ++i) {
    const double value = delta[i];
    const double kept = std::clamp(value, -code.clip, code.clip);
    finite = finite && std::isfinite(value);
    cut += kept != value ? 1 : 0;
    words[i] = static_cast<Word>(static_cast<Signed>(std::isfinite(kept) ? kept * factor : 0.0));
  }
  if (!finite)
    throw DataError(Problem{.what = "the update has values that are not finite",
                            .where = "secure aggregation"});
  words[delta.size()] = static_cast<Word>(static_cast<Signed>(std::ldexp(share, code.weight_bits)));
  return cut;
}

template <class Word>
double decode_words(const IntegerCode& code, std::span<const Word> words, std::span<float> mean) {
  using Signed = std::make_signed_t<Word>;
  const auto weight = static_cast<double>(static_cast<Signed>(words[mean.size()]));
  if (!(weight > 0))
    throw ProtocolError(Problem{.what = "the sum of the sites' weights is not positive",
                                .where = "secure aggregation"});
  const double factor = std::ldexp(1.0, code.weight_bits - code.scale_bits) / weight;
  for (std::size_t i = 0; i < mean.size(); ++i)
    mean[i] = static_cast<float>(static_cast<double>(static_cast<Signed>(words[i])) * factor);
  return std::ldexp(weight, -code.weight_bits) * code.max_weight;
}

}  // namespace

IntegerCode IntegerCode::of(std::uint32_t sites, double clip, double max_weight, double margin) {
  check(clip, max_weight);
  const int bits = finest(sites, clip, margin, 32);
  if (bits < -64)
    throw ConfigError(Problem{.what = "no scale keeps the sum of the updates from overflowing",
                              .where = "[secure_aggregation] clip",
                              .expected = "a bound that updates come near to",
                              .found = std::to_string(clip),
                              .remedy = "lower clip"});
  return with_scale(sites, clip, max_weight, bits, margin);
}

IntegerCode IntegerCode::with_scale(std::uint32_t sites, double clip, double max_weight,
                                    int scale_bits, double margin) {
  check(clip, max_weight);
  IntegerCode code{.clip = clip,
                   .max_weight = max_weight,
                   .scale_bits = scale_bits,
                   .weight_bits = 0,
                   .word_bits = scale_bits <= finest(sites, clip, margin, 32) ? 32 : 64};
  const int most = finest(sites, clip, margin, 64);
  if (scale_bits > most)
    throw ConfigError(Problem{.what = "the sum of the updates could overflow",
                              .where = "[secure_aggregation] scale_bits",
                              .expected = "at most " + std::to_string(most) + " for " +
                                          std::to_string(sites) + " sites and clip " +
                                          std::to_string(clip),
                              .found = std::to_string(scale_bits),
                              .remedy = "lower scale_bits or clip"});
  code.weight_bits = finest(sites, 1.0, 0.0, code.word_bits);
  return code;
}

std::size_t encode(const IntegerCode& code, std::span<const float> delta, double weight,
                   std::span<std::uint32_t> words) {
  return encode_words(code, delta, weight, words);
}
std::size_t encode(const IntegerCode& code, std::span<const float> delta, double weight,
                   std::span<std::uint64_t> words) {
  return encode_words(code, delta, weight, words);
}
double decode(const IntegerCode& code, std::span<const std::uint32_t> words,
              std::span<float> mean) {
  return decode_words(code, words, mean);
}
double decode(const IntegerCode& code, std::span<const std::uint64_t> words,
              std::span<float> mean) {
  return decode_words(code, words, mean);
}

}  // namespace collegium::secagg
