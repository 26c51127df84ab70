#pragma once
#include <cstdint>
#include <optional>

#include "collegium/error.h"

namespace collegium {

// Publishing each of n units with probability delta is (0, delta)-private, so a delta that is not
// well below 1 / n protects nobody in particular.
//
// What is wrong with a guarantee at `delta` for `n` units, as a person should read it; nothing if
// delta < 1 / n and n >= kFewestUnits. `where` names the site or setting. For a warning; throw
// ConfigError(*weak_delta(...)) to refuse.
std::optional<Problem> weak_delta(double delta, std::int64_t n, std::string where = {});

// With fewer units no noise hides one of them and leaves anything to learn.
inline constexpr std::int64_t kFewestUnits = 10;

}  // namespace collegium
