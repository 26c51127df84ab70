#pragma once
#include <cstdint>
#include <span>

#include "collegium/api.h"

namespace collegium {

// Random words that protect people: keyed by the operating system, never seeded outside tests
// (core/privacy/noise.h has the one implementation). Distributions are built on words() alone, so
// CPU and GPU agree on the cipher's output. One thread uses one object; it cannot be copied,
// because two copies would draw the same noise.
class COLLEGIUM_API SecureRandom {
 public:
  SecureRandom() = default;
  SecureRandom(const SecureRandom&) = delete;
  SecureRandom& operator=(const SecureRandom&) = delete;
  virtual ~SecureRandom();
  virtual void words(std::span<std::uint32_t> out) = 0;

  // False where the words can be foretold (a fixed test key): whatever is built on them must be
  // marked NOT PRIVATE.
  virtual bool is_private() const;

  std::uint64_t bits64();
  double uniform();                          // in (0, 1], 64 random bits
  std::uint64_t below(std::uint64_t bound);  // uniform on [0, bound), exact; bound > 0
  double normal();                           // Box-Muller in double, 128 random bits
  double laplace(double scale);              // scale > 0 and finite
};

}  // namespace collegium
