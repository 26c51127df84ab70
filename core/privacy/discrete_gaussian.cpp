#include "privacy/discrete_gaussian.h"

#include <bit>
#include <stdexcept>
#include <string>

#include "collegium/error.h"

namespace collegium {
namespace {

constexpr std::uint64_t kLargest = std::uint64_t{1} << 50;

// Uniform on [0, bound), exact.
Natural below(Natural bound, SecureRandom& random) {
  if (bound == 1) return 0;  // nearly half of all calls
  const auto high = static_cast<std::uint64_t>(bound >> 64);
  if (high == 0) return random.below(static_cast<std::uint64_t>(bound));
  const int spare = std::countl_zero(high);
  while (true) {
    const Natural draw = (Natural{random.bits64()} << 64 | random.bits64()) >> spare;
    if (draw < bound) return draw;
  }
}

// exp(-x) for x = numerator / denominator in [0, 1]: the first k >= 1 at which a coin of
// probability x / k falls on tails is odd with this probability (Algorithm 1).
bool bernoulli_exp_up_to_one(Natural numerator, Natural denominator, SecureRandom& random) {
  std::uint64_t k = 1;
  while (below(denominator, random) < numerator && (k == 1 || random.below(k) == 0)) ++k;
  return k % 2 == 1;
}

std::uint64_t square_root(std::uint64_t x) {  // rounded down
  std::uint64_t root = 0;
  for (std::uint64_t bit = std::uint64_t{1} << 31; bit > 0; bit >>= 1)
    if ((root | bit) * (root | bit) <= x) root |= bit;
  return root;
}

}  // namespace

bool bernoulli_exp(Natural numerator, Natural denominator, SecureRandom& random) {
  if (denominator == 0) throw std::invalid_argument("bernoulli_exp: the denominator is 0");
  for (; numerator > denominator; numerator -= denominator)
    if (!bernoulli_exp_up_to_one(1, 1, random)) return false;
  return bernoulli_exp_up_to_one(numerator, denominator, random);
}

std::int64_t discrete_laplace(std::uint64_t t, SecureRandom& random) {
  if (t == 0 || t >> 32 != 0)
    throw std::invalid_argument("discrete_laplace: the scale must be between 1 and 2^32 - 1");
  while (true) {
    const std::uint64_t remainder = random.below(t);
    if (!bernoulli_exp_up_to_one(remainder, t, random)) continue;
    std::uint64_t quotient = 0;
    while (bernoulli_exp_up_to_one(1, 1, random)) ++quotient;
    const auto size = static_cast<std::int64_t>(remainder + t * quotient);
    const bool negative = random.bits64() & 1;
    if (negative && size == 0) continue;  // or 0 would come twice as often
    return negative ? -size : size;
  }
}

DiscreteGaussian::DiscreteGaussian(std::uint64_t numerator, std::uint64_t denominator)
    : numerator_(numerator), denominator_(denominator) {
  if (numerator == 0 || denominator == 0 || numerator > kLargest || denominator > kLargest)
    throw ConfigError({.what = "the discrete Gaussian has no usable variance",
                       .expected = "a fraction of two integers between 1 and 2^50",
                       .found = std::to_string(numerator) + " / " + std::to_string(denominator)});
  scale_ = square_root(numerator / denominator) + 1;
  divisor_ = Natural{2} * numerator * denominator * scale_ * scale_;
}

// A proposal y from the Laplace distribution of scale t is accepted with probability
//
//   exp(-(|y| - s/t)^2 / (2 s)) = exp(-(|y| t b - a)^2 / (2 a b t^2)),   s = sigma^2 = a / b.
//
// (Algorithm 3.) With a and b up to 2^50 the fraction fits into 128 bits for every |y| up to
// 1000 t; beyond, which has probability e^-1000, it is refused rather than wrapped.
std::int64_t DiscreteGaussian::draw(SecureRandom& random) const {
  while (true) {
    const std::int64_t y = discrete_laplace(scale_, random);
    const std::uint64_t size = y < 0 ? 0 - static_cast<std::uint64_t>(y) : y;
    if (size / scale_ >= 1000) throw SystemError({.what = "the random words are not random"});
    const Natural scaled = Natural{size} * scale_ * denominator_;
    const Natural distance = scaled > numerator_ ? scaled - numerator_ : numerator_ - scaled;
    if (bernoulli_exp(distance * distance, divisor_, random)) return y;
  }
}

void DiscreteGaussian::add_to(std::span<std::int64_t> values, SecureRandom& random) const {
  for (std::int64_t& value : values) value += draw(random);
}

}  // namespace collegium
