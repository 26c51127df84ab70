#pragma once
#include <cstdint>

namespace collegium {

// Random numbers for augmentation and shuffling: the n-th draw is a hash of (seed, round, site,
// step, n), so a sample looks the same whichever thread makes it and whenever. Mixing is
// SplitMix64's (Steele, Lea, Flood 2014). NOT for privacy: anyone who knows the seed knows the
// draws.
class Draws {
 public:
  Draws(std::uint64_t seed, std::uint64_t round, std::uint64_t site_hash, std::uint64_t step)
      : key_(chain(chain(chain(chain(0, seed), round), site_hash), step)) {}

  std::uint64_t bits() { return mix(key_ + kGolden * ++count_); }
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }  // [0, 1)
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  bool coin() { return (bits() >> 63) != 0; }

  // 0 .. n-1, n >= 1, without bias (Lemire 2019).
  std::uint64_t below(std::uint64_t n) {
    unsigned __int128 product = static_cast<unsigned __int128>(bits()) * n;
    if (static_cast<std::uint64_t>(product) < n) {
      const std::uint64_t threshold = (0 - n) % n;
      while (static_cast<std::uint64_t>(product) < threshold) {
        product = static_cast<unsigned __int128>(bits()) * n;
      }
    }
    return static_cast<std::uint64_t>(product >> 64);
  }

 private:
  static constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15;
  static std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  static std::uint64_t chain(std::uint64_t key, std::uint64_t word) {
    return mix((key ^ word) + kGolden);
  }

  std::uint64_t key_;
  std::uint64_t count_ = 0;
};

}  // namespace collegium
