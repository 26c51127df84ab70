#pragma once
#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace collegium {

// Parses text that must be canonical JSON: printable ASCII, keys strictly ascending, no space
// between tokens, nested at most `nesting` deep. Throws DataError with the place.
nlohmann::json parse_canonical_json(std::string_view text, std::size_t nesting,
                                    const std::string& source);

}  // namespace collegium
