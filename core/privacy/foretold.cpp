#include "privacy/foretold.h"

namespace collegium {

PrivacyEvent charged_for(PrivacyEvent event, bool noise_is_private) {
  if (noise_is_private || event.kind == PrivacyEvent::Kind::none) return event;
  return {.kind = PrivacyEvent::Kind::unbounded, .reason = kNotPrivate};
}

}  // namespace collegium
