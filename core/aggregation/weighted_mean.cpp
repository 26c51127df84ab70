#include "aggregation/weighted_mean.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include "collegium/error.h"

namespace collegium {
namespace {

// One pass each, branch-free, so that the compiler uses vector instructions; the widest kind the
// processor has is chosen when the library is loaded. The file is compiled without fused
// multiply-adds, so that the bits are the same on all. (Sanitizers cannot run while functions are
// being chosen.)
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__) && \
    !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#define COLLEGIUM_WIDE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define COLLEGIUM_WIDE
#endif

// A rest is counted in 256ths of its sum's last place, and with the other sign: so that none is -0,
// the neutral element of addition, and a sum of -0 stays -0. (Where that is below every normal
// float32, for sums under 2^-95, the unit is 2^-126.)
inline float unit_of(float sum) {
  const std::int32_t exponent = std::bit_cast<std::int32_t>(sum) & 0x7f800000;
  return std::bit_cast<float>(std::max(exponent, 32 << 23) - (31 << 23));
}
inline float rest_of(std::int8_t stored, float sum) {
  return -(static_cast<float>(stored) * unit_of(sum));
}
inline std::int8_t stored(float rest, float sum) {
  const float per_unit =
      std::bit_cast<float>((254 << 23) - std::bit_cast<std::int32_t>(unit_of(sum)));
  float units = -rest * per_unit;           // -128 to 128
  units = units < 127.0f ? units : 127.0f;  // also where the sum is not finite
  constexpr float kRounds = 0x1.8p23f;      // to the nearest integer, in the lowest bits
  return static_cast<std::int8_t>(std::bit_cast<std::int32_t>(units + kRounds));
}

// sum + rest += term: what the addition loses is itself a float32 of at most half a unit in the
// last place of the sum.
inline void add(float term, float& sum, std::int8_t& rest) {
  const float before = sum;
  term += rest_of(rest, before);
  sum = before + term;
  const float taken = sum - before;
  rest = stored((before - (sum - taken)) + (term - taken), sum);
}

COLLEGIUM_WIDE void add_scaled(float* __restrict sum, std::int8_t* __restrict rest,
                               const float* __restrict values, float factor, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) add(factor * values[i], sum[i], rest[i]);
}

COLLEGIUM_WIDE void add_sums(float* __restrict sum, std::int8_t* __restrict rest,
                             const float* __restrict other_sum,
                             const std::int8_t* __restrict other_rest, float factor,
                             std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    add(factor * other_sum[i], sum[i], rest[i]);
    add(factor * rest_of(other_rest[i], other_sum[i]), sum[i], rest[i]);
  }
}

// out = (sum + rest) factor; returns whether every value is finite.
COLLEGIUM_WIDE bool finish_sum(float* __restrict out, const float* __restrict sum,
                               const std::int8_t* __restrict rest, double factor,
                               std::size_t size) {
  std::int32_t largest = 0;  // of the bits without the sign: infinities and nan are the largest
  for (std::size_t i = 0; i < size; ++i) {
    out[i] = static_cast<float>(
        (static_cast<double>(sum[i]) + static_cast<double>(rest_of(rest[i], sum[i]))) * factor);
    largest = std::max(largest, std::bit_cast<std::int32_t>(out[i]) & 0x7fffffff);
  }
  return largest < 0x7f800000;
}

void require_size(std::size_t size, std::size_t expected, std::string_view site) {
  if (size != expected) {
    throw ConfigError({.what = "an update has another size than the ones before",
                       .where = site.empty() ? "" : "site " + std::string(site),
                       .expected = std::to_string(expected) + " values",
                       .found = std::to_string(size)});
  }
}

}  // namespace

WeightedMean::WeightedMean(const Settings& settings) {
  if (settings.contains("denominator")) {
    denominator_ = settings.number_in("denominator", 1.0, std::numeric_limits<double>::min(),
                                      std::numeric_limits<double>::max());
  }
}

std::optional<double> WeightedMean::sensitivity(double clip,
                                                std::span<const double> weights) const {
  double sum = 0.0;
  double largest = 0.0;
  for (const double weight : weights) {
    if (!(weight > 0.0) || !std::isfinite(weight)) return std::nullopt;
    sum += weight;
    largest = std::max(largest, weight);
  }
  if (weights.empty() || !(clip >= 0.0)) return std::nullopt;
  return denominator_ ? clip * (largest / *denominator_) : 2.0 * clip * (largest / sum);
}

float WeightedMean::relative(double weight) const {
  return static_cast<float>(weight / first_weight_);
}

void WeightedMean::accumulate(const Update& update) {
  const std::string where = update.site.empty() ? "" : "site " + std::string(update.site);
  if (!(update.weight > 0.0) || !std::isfinite(update.weight)) {
    throw ConfigError({.what = "an update has an impossible weight",
                       .where = where,
                       .expected = "a finite number above 0",
                       .found = std::to_string(update.weight)});
  }
  if (!sum_) {
    size_ = update.values.size();
    first_weight_ = update.weight;
    weight_ = 1.0;
    sum_ = std::make_unique_for_overwrite<float[]>(size_);
    rest_ = std::make_unique<std::int8_t[]>(size_);
    std::copy(update.values.begin(), update.values.end(), sum_.get());
    return;
  }
  require_size(update.values.size(), size_, update.site);
  const float factor = relative(update.weight);
  if (!std::isnormal(factor)) {
    throw ConfigError({.what = "the weights of two updates are too far apart",
                       .where = where,
                       .expected = "a ratio that fits a float32",
                       .found = std::to_string(update.weight / first_weight_)});
  }
  add_scaled(sum_.get(), rest_.get(), update.values.data(), factor, size_);
  weight_ += static_cast<double>(factor);
}

void WeightedMean::merge(Aggregator& other) {
  auto* partial = dynamic_cast<WeightedMean*>(&other);
  if (!partial || partial == this || partial->denominator_ != denominator_) {
    throw ConfigError({.what = "these partial results cannot be merged",
                       .expected = "another weighted_mean with the same settings"});
  }
  if (!partial->sum_) return;
  if (sum_) {
    require_size(partial->size_, size_, {});
    const float factor = relative(partial->first_weight_);
    add_sums(sum_.get(), rest_.get(), partial->sum_.get(), partial->rest_.get(), factor, size_);
    weight_ += static_cast<double>(factor) * partial->weight_;
  } else {
    size_ = partial->size_;
    first_weight_ = partial->first_weight_;
    weight_ = partial->weight_;
    sum_ = std::move(partial->sum_);
    rest_ = std::move(partial->rest_);
  }
  partial->sum_.reset();
  partial->rest_.reset();
}

void WeightedMean::finish(std::span<float> delta) {
  if (!sum_) throw ConfigError({.what = "there is no update to average"});
  require_size(delta.size(), size_, {});
  const double factor = denominator_ ? first_weight_ / *denominator_ : 1.0 / weight_;
  if (!finish_sum(delta.data(), sum_.get(), rest_.get(), factor, size_)) {
    throw ConfigError(
        {.what = "the sum of the updates does not fit a float32",
         .expected = "updates whose weighted sum stays below 3.4e38",
         .remedy = "set norm_bound, so that such an update is refused when it arrives"});
  }
}

}  // namespace collegium
