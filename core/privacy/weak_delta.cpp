#include "privacy/weak_delta.h"

#include <sstream>
#include <string>
#include <utility>

namespace collegium {

std::optional<Problem> weak_delta(double delta, std::int64_t n, std::string where) {
  std::ostringstream found, bound;
  bound << "a delta below 1 / " << n;
  found << delta;
  if (n < kFewestUnits)
    return Problem{.what = "there are too few units for a useful guarantee",
                   .where = std::move(where),
                   .expected = "at least " + std::to_string(kFewestUnits),
                   .found = std::to_string(n),
                   .remedy = "join it with another site, or leave it out"};
  if (delta * static_cast<double>(n) < 1.0) return std::nullopt;
  return Problem{.what =
                     "delta is not under one over the number of units: the guarantee may leave "
                     "out one of them entirely",
                 .where = std::move(where),
                 .expected = bound.str(),
                 .found = found.str(),
                 .remedy = "take a tenth of 1 / n or less"};
}

}  // namespace collegium
