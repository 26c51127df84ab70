// Out of line: the key functions that give each interface one type across shared libraries.
#include "collegium/aggregator.h"
#include "collegium/plugin.h"
#include "collegium/privacy.h"

namespace collegium {

Aggregator::~Aggregator() = default;
std::optional<double> Aggregator::sensitivity(double, std::span<const double>) const {
  return std::nullopt;
}

PrivacyMechanism::~PrivacyMechanism() = default;
std::string PrivacyMechanism::describe() const {
  return "does not say what it guarantees: count on nothing";
}

Registrar::~Registrar() = default;

}  // namespace collegium
