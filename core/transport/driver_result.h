#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "federation/events.h"

namespace collegium {

// How a driver's run ended, and what was turned away at the door meanwhile, by reason.
struct DriverResult {
  Outcome outcome = Outcome::failed;
  std::string reason;
  std::map<std::string, std::uint64_t, std::less<>> dropped;
};

}  // namespace collegium
