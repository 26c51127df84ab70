#pragma once
#include <cstdint>
#include <span>

#include "collegium/api.h"

namespace collegium {

// Random words that protect people: keyed by the operating system, never seeded outside tests (core/privacy/noise.h
// has the one implementation). Distributions are built on words() alone, so CPU and GPU agree on the cipher's output.
class COLLEGIUM_API SecureRandom {
 public:
  virtual ~SecureRandom();
  virtual void words(std::span<std::uint32_t> out) = 0;

  std::uint64_t bits64();
  double uniform();                            // in (0, 1], 64 random bits
  std::uint64_t below(std::uint64_t bound);    // uniform on [0, bound), exact; bound > 0
  double normal();                             // Box-Muller in double
  double laplace(double scale);                // scale > 0
};

}  // namespace collegium
