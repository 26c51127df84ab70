#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "collegium/error.h"
namespace collegium::secagg {

// What breaks secure aggregation, and by whom.
[[noreturn]] inline void refuse(const std::string& what, const std::string& where) {
  throw ProtocolError(Problem{.what = "secure aggregation: " + what, .where = where});
}

// Fewer sites than are safe: no sum of so few is opened.
inline void require_enough(std::size_t sites, std::uint32_t needed, const char* did) {
  if (sites >= needed) return;
  throw ProtocolError(Problem{.what = std::string("secure aggregation: too few sites ") + did,
                              .expected = "at least " + std::to_string(needed),
                              .found = std::to_string(sites)});
}

}  // namespace collegium::secagg
