#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "federation/round_rules.h"
#include "secagg/integer_code.h"
#include "secagg/masks.h"
#include "wire/blob.h"

namespace collegium {

// The sum of masked updates at the coordinator: words that say nothing until it is opened.
class SecureSum {
 public:
  SecureSum(const secagg::IntegerCode& code, std::size_t parameters);

  std::optional<Refusal> add(Chunks masked);  // one site's; refused as a whole or added as a whole
  // Takes away what masks are left; then the weighted mean of the updates. Returns the sum of the
  // weights. Once.
  double open(std::span<const secagg::Mask> masks, std::span<float> mean);

 private:
  secagg::IntegerCode code_;
  std::variant<std::vector<std::uint32_t>, std::vector<std::uint64_t>> words_;
};

}  // namespace collegium
