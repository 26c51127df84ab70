#pragma once
#include <cstdint>
#include <string_view>

namespace collegium {

// Reproducible draws for what needs no secrecy: order of samples, crops, augmentation, dropout, initial values. The
// stream is a pure function of its key, so results do not depend on threads or on what was drawn before.
// SplitMix64 (Steele, Lea, Flood 2014) over the BLAKE2b hash of the key. Never used for privacy.
class Draws {
 public:
  // `purpose` separates streams that would share a key: "crop", "dropout", ...
  Draws(std::string_view purpose, std::uint64_t seed, std::uint64_t round = 0, std::string_view site = {},
        std::uint64_t step = 0, std::string_view subject = {}, std::uint64_t number = 0);
  explicit Draws(std::uint64_t key) : state_(key) {}

  std::uint64_t bits();
  double uniform();                                   // in [0, 1), 53 random bits
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  std::uint64_t below(std::uint64_t bound);           // uniform on [0, bound), exact; bound > 0

 private:
  std::uint64_t state_;
};

}  // namespace collegium
