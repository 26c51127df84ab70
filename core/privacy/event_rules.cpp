#include "privacy/event_rules.h"

#include <cmath>
#include <limits>
#include <sstream>

namespace collegium {
namespace {

using Kind = PrivacyEvent::Kind;
using Neighbours = PrivacyEvent::Neighbours;

[[noreturn]] void refuse(const char* what, const char* expected, double found,
                         const char* remedy = "") {
  std::ostringstream text;
  text << found;
  throw ConfigError({.what = what, .expected = expected, .found = text.str(), .remedy = remedy});
}

void check_noise(const PrivacyEvent& event) {
  if (!(event.noise_multiplier >= 0.0))
    refuse("a privacy event has no usable noise multiplier", "0 or more", event.noise_multiplier);
  if (is_discrete(event.kind) && event.sensitivity < 0)
    refuse("a privacy event has no usable sensitivity", "0 (a vector) or more",
           static_cast<double>(event.sensitivity));
}

void check_sampling(const PrivacyEvent& event) {
  if (!(event.sampling_rate >= 0.0 && event.sampling_rate <= 1.0))
    refuse("a privacy event has no usable sampling rate", "a number from 0 to 1",
           event.sampling_rate);
  if (!is_sampled(event.kind) && event.sampling_rate != 1.0)
    refuse("a privacy event has a sampling rate that its kind does not read", "1",
           event.sampling_rate, "state the kind that is sampled");
  const bool replaced = event.neighbours == Neighbours::replace_one;
  if (event.kind == Kind::fixed_size_gaussian && !replaced)
    throw ConfigError({.what = "a sample of fixed size is accounted for another neighbour relation",
                       .expected = "replace_one",
                       .found = "add_or_remove",
                       .remedy = "a data set with one unit less has other sampling rates: state "
                                 "the noise relative to the replace-one sensitivity"});
  if (event.kind != Kind::fixed_size_gaussian && event.sampling_rate < 1.0 && replaced)
    throw ConfigError({.what = "a Poisson sample is accounted for another neighbour relation",
                       .expected = "add_or_remove",
                       .found = "replace_one",
                       .remedy = "state the noise relative to the add-or-remove sensitivity"});
}

void check_cap(const PrivacyEvent& event) {
  if (event.max_batch == 0) return;
  if (event.kind != Kind::sampled_gaussian || event.neighbours != Neighbours::add_or_remove)
    refuse("a privacy event cuts batches that are no Poisson samples", "max_batch = 0",
           static_cast<double>(event.max_batch));
  if (event.max_batch < 0)
    refuse("a privacy event has no usable max_batch", "0 (batches are never cut) or more",
           static_cast<double>(event.max_batch));
  if (event.n_public < 1)
    refuse("a privacy event cuts batches without a public number of units", "n_public of 1 or more",
           static_cast<double>(event.n_public));
}

}  // namespace

void check_event(const PrivacyEvent& event) {
  if (event.kind == Kind::none || event.kind == Kind::unbounded) return;
  if (event.count < 0)
    refuse("a privacy event has a negative count", "0 or more releases",
           static_cast<double>(event.count));
  if (has_noise(event.kind)) check_noise(event);
  check_sampling(event);
  check_cap(event);
  if ((event.kind == Kind::pure || event.kind == Kind::approximate) && !(event.epsilon >= 0.0))
    refuse("a privacy event has no usable epsilon", "0 or more", event.epsilon);
  if (event.kind == Kind::approximate && !(event.delta >= 0.0 && event.delta <= 1.0))
    refuse("a privacy event has no usable delta", "a number from 0 to 1", event.delta);
}

void check_events(std::span<const PrivacyEvent> events) {
  const PrivacyEvent* first = nullptr;
  for (const PrivacyEvent& event : events) {
    check_event(event);
    if (releases_nothing(event) || event.kind == Kind::unbounded) continue;
    if (!first) first = &event;
    if (event.neighbours != first->neighbours)
      throw ConfigError({.what = "privacy events of two neighbour relations are composed",
                         .expected = "all add_or_remove, or all replace_one",
                         .found = "both",
                         .remedy = "state the noise of all of them relative to the sensitivity "
                                   "under one relation"});
  }
}

void check_delta(double delta) {
  if (!(delta >= 0.0 && delta < 1.0)) refuse("delta is out of range", "0 <= delta < 1", delta);
}

bool releases_nothing(const PrivacyEvent& event) {
  if (event.kind == Kind::none) return true;
  if (event.kind == Kind::unbounded) return false;
  if (event.count == 0) return true;
  if (has_noise(event.kind))
    return event.sampling_rate == 0.0 || std::isinf(event.noise_multiplier);
  return event.epsilon == 0.0 && event.delta == 0.0;
}

bool has_noise(Kind kind) {
  return kind == Kind::gaussian || kind == Kind::sampled_gaussian ||
         kind == Kind::fixed_size_gaussian || kind == Kind::laplace || is_discrete(kind);
}

bool is_sampled(Kind kind) { return has_noise(kind) && kind != Kind::gaussian; }

bool is_discrete(Kind kind) {
  return kind == Kind::discrete_gaussian || kind == Kind::discrete_laplace;
}

void add_event(std::vector<PrivacyEvent>& events, const PrivacyEvent& event) {
  if (event.kind == PrivacyEvent::Kind::none) return;
  for (PrivacyEvent& known : events) {
    PrivacyEvent same = known;
    same.count = event.count;
    if (same != event) continue;
    if (event.count > std::numeric_limits<std::int64_t>::max() - known.count) continue;
    known.count += event.count;
    return;
  }
  events.push_back(event);
}

double delta_set_aside(std::span<const PrivacyEvent> events) {
  double sum = 0.0;
  for (const PrivacyEvent& event : events)
    if (event.kind == Kind::approximate) sum += static_cast<double>(event.count) * event.delta;
  return sum;
}

}  // namespace collegium
