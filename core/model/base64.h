#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace collegium {

// RFC 4648 section 4, padded. Nothing: not exactly what an encoder writes.
std::optional<std::vector<std::uint8_t>> decode_base64(std::string_view text);

}  // namespace collegium
