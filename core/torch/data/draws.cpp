#include "torch/data/draws.h"

#include <cstring>

#include "base/hash.h"

namespace collegium {

Draws::Draws(std::string_view purpose, std::uint64_t seed, std::uint64_t round, std::string_view site, std::uint64_t step,
             std::string_view subject, std::uint64_t number) {
  Hasher hasher;
  hasher.add(purpose);
  hasher.add(seed);
  hasher.add(round);
  hasher.add(site);
  hasher.add(step);
  hasher.add(subject);
  hasher.add(number);
  const auto digest = hasher.finish();
  std::memcpy(&state_, digest.data(), sizeof state_);
}

std::uint64_t Draws::bits() {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

double Draws::uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }

std::uint64_t Draws::below(std::uint64_t bound) {
  const std::uint64_t excess = (0 - bound) % bound;   // 2^64 mod bound: the words that would favour small results
  for (;;)
    if (const auto word = bits(); word >= excess) return word % bound;
}

}  // namespace collegium
