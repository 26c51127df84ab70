#pragma once
#include <cstdint>
#include <string_view>

#include "imaging/draws.h"

namespace collegium {

// A number for a purpose and a name, so that streams for different ends ("order", "example",
// "dropout") and subjects never share draws: Draws(draw_key("example", subject), seed, round, ...).
std::uint64_t draw_key(std::string_view purpose, std::string_view name, std::uint64_t number = 0);

}  // namespace collegium
