#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collegium/privacy.h"

namespace collegium {

// One line of JSON with sorted keys and only what the kind needs: equal events give equal text, so
// it can be hashed and compared. Throws ConfigError for an event no accountant could charge
// (negative, zero noise, not finite).
std::string event_to_json(const PrivacyEvent& event);
std::optional<PrivacyEvent> event_from_json(std::string_view json);  // empty: not such a text

// A list of them, in order.
std::string events_to_json(std::span<const PrivacyEvent> events);
std::optional<std::vector<PrivacyEvent>> events_from_json(std::string_view json);

}  // namespace collegium
