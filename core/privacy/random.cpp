#include "collegium/random.h"

#include <cmath>
#include <stdexcept>

#include "vector/box_muller.h"

namespace collegium {

SecureRandom::~SecureRandom() = default;

bool SecureRandom::is_private() const { return false; }

std::uint64_t SecureRandom::bits64() {
  std::uint32_t pair[2];
  words(pair);
  return pair[0] | std::uint64_t{pair[1]} << 32;
}

double SecureRandom::uniform() { return unit_interval(bits64()); }

std::uint64_t SecureRandom::below(std::uint64_t bound) {
  if (bound == 0) throw std::invalid_argument("SecureRandom::below: the bound must be above 0");
  // 2^64 mod bound: so many draws would favour small results.
  const std::uint64_t uneven = (0 - bound) % bound;
  while (true) {
    const std::uint64_t draw = bits64();
    if (draw >= uneven) return draw % bound;
  }
}

double SecureRandom::normal() {
  const std::uint64_t first = bits64();
  return box_muller(first, bits64()).first;
}

double SecureRandom::laplace(double scale) {
  if (!(scale > 0.0) || std::isinf(scale))
    throw std::invalid_argument("SecureRandom::laplace: the scale must be above 0");
  std::uint32_t coin;
  words({&coin, 1});
  const double size = -scale * std::log(uniform());
  return coin & 1u ? size : -size;
}

}  // namespace collegium
