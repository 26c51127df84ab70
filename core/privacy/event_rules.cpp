#include "privacy/event_rules.h"

#include <cmath>
#include <sstream>

namespace collegium {
namespace {

using Kind = PrivacyEvent::Kind;

bool is_gaussian(const PrivacyEvent& event) {
  return event.kind == Kind::gaussian || event.kind == Kind::sampled_gaussian;
}

[[noreturn]] void refuse(const char* what, const char* expected, double found) {
  std::ostringstream text;
  text << found;
  throw ConfigError({.what = what, .expected = expected, .found = text.str()});
}

}  // namespace

void check_event(const PrivacyEvent& event) {
  if (event.kind == Kind::none || event.kind == Kind::unbounded) return;
  if (event.count < 0)
    refuse("a privacy event has a negative count", "0 or more releases",
           static_cast<double>(event.count));
  if (is_gaussian(event) && !(event.noise_multiplier >= 0.0))
    refuse("a privacy event has no usable noise multiplier", "0 or more", event.noise_multiplier);
  if (event.kind == Kind::sampled_gaussian &&
      !(event.sampling_rate >= 0.0 && event.sampling_rate <= 1.0))
    refuse("a privacy event has no usable sampling rate", "a number from 0 to 1",
           event.sampling_rate);
  if (event.kind == Kind::pure && !(event.epsilon >= 0.0))
    refuse("a privacy event has no usable epsilon", "0 or more", event.epsilon);
}

void check_delta(double delta) {
  if (!(delta >= 0.0 && delta < 1.0)) refuse("delta is out of range", "0 <= delta < 1", delta);
}

bool releases_nothing(const PrivacyEvent& event) {
  if (event.kind == Kind::none) return true;
  if (event.kind == Kind::unbounded) return false;
  if (event.count == 0) return true;
  if (is_gaussian(event)) return sampling_rate(event) == 0.0 || std::isinf(event.noise_multiplier);
  return event.epsilon == 0.0;
}

double sampling_rate(const PrivacyEvent& event) {
  return event.kind == Kind::sampled_gaussian ? event.sampling_rate : 1.0;
}

}  // namespace collegium
