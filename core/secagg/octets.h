#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

// Bytes put one after the other, numbers little-endian.
namespace collegium::secagg {

using Octets = std::vector<std::uint8_t>;

inline void put(Octets& out, std::string_view label) {
  for (const char letter : label) out.push_back(static_cast<std::uint8_t>(letter));
}
template <std::size_t N>
void put(Octets& out, const std::array<std::uint8_t, N>& bytes) {
  for (const std::uint8_t byte : bytes) out.push_back(byte);
}
inline void put(Octets& out, std::uint32_t number) {
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<std::uint8_t>(number >> (8 * i)));
}
inline void put(Octets& out, std::uint64_t number) {
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<std::uint8_t>(number >> (8 * i)));
}

}  // namespace collegium::secagg
