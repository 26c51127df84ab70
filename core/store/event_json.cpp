#include "store/event_json.h"

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "collegium/error.h"
#include "privacy/event_rules.h"

namespace collegium {
namespace {

using Kind = PrivacyEvent::Kind;
using Neighbours = PrivacyEvent::Neighbours;

constexpr std::array<std::pair<Kind, std::string_view>, 10> kNames{
    {{Kind::none, "none"},
     {Kind::gaussian, "gaussian"},
     {Kind::sampled_gaussian, "sampled_gaussian"},
     {Kind::fixed_size_gaussian, "fixed_size_gaussian"},
     {Kind::laplace, "laplace"},
     {Kind::discrete_gaussian, "discrete_gaussian"},
     {Kind::discrete_laplace, "discrete_laplace"},
     {Kind::pure, "pure"},
     {Kind::approximate, "approximate"},
     {Kind::unbounded, "unbounded"}}};

constexpr std::string_view kReplaceOne = "replace_one";  // unless stated: add_or_remove

void require(bool holds, const char* expected, const std::string& found) {
  if (holds) return;
  throw ConfigError(Problem{.what = "a privacy charge that means nothing",
                            .where = "privacy event",
                            .expected = expected,
                            .found = found,
                            .remedy = "correct the mechanism that states this event"});
}

bool has_epsilon(Kind kind) { return kind == Kind::pure || kind == Kind::approximate; }
bool is_counted(Kind kind) { return kind != Kind::none && kind != Kind::unbounded; }

// Beyond what an accountant accepts: a charge must cost something that can be stated.
void check(const PrivacyEvent& event) {
  check_event(event);
  if (has_noise(event.kind)) {
    require(std::isfinite(event.noise_multiplier) && event.noise_multiplier > 0,
            "a finite noise multiplier above 0", std::to_string(event.noise_multiplier));
    require(event.sampling_rate > 0, "a sampling rate above 0 and at most 1",
            std::to_string(event.sampling_rate));
  }
  if (has_epsilon(event.kind)) {
    require(std::isfinite(event.epsilon), "a finite epsilon of at least 0",
            std::to_string(event.epsilon));
  }
  if (is_counted(event.kind)) {
    require(event.count >= 1, "a count of at least 1", std::to_string(event.count));
  }
}

}  // namespace

std::string event_to_json(const PrivacyEvent& event) {
  check(event);
  nlohmann::json json;
  for (const auto& [kind, name] : kNames) {
    if (kind == event.kind) json["kind"] = name;
  }
  if (has_noise(event.kind)) json["noise_multiplier"] = event.noise_multiplier;
  if (is_sampled(event.kind)) json["sampling_rate"] = event.sampling_rate;
  if (event.max_batch > 0) {
    json["max_batch"] = event.max_batch;
    json["n_public"] = event.n_public;
  }
  if (is_discrete(event.kind)) json["sensitivity"] = event.sensitivity;
  if (has_epsilon(event.kind)) json["epsilon"] = event.epsilon;
  if (event.kind == Kind::approximate) json["delta"] = event.delta;
  if (is_counted(event.kind)) {
    json["count"] = event.count;
    if (event.neighbours == Neighbours::replace_one) json["neighbours"] = kReplaceOne;
  }
  if (event.kind == Kind::unbounded) json["reason"] = event.reason;
  return json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

std::optional<PrivacyEvent> event_from_json(std::string_view text) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("kind") || !json["kind"].is_string()) return std::nullopt;
  PrivacyEvent event;
  bool known = false;
  for (const auto& [kind, name] : kNames) {
    if (json["kind"].get_ref<const std::string&>() != name) continue;
    event.kind = kind;
    known = true;
  }
  const auto number = [&](const char* key, double& value) {
    if (!json.contains(key) || !json[key].is_number()) return false;
    value = json[key].get<double>();
    return true;
  };
  const auto integer = [&](const char* key, std::int64_t& value) {
    if (!json.contains(key) || !json[key].is_number_integer()) return false;
    value = json[key].get<std::int64_t>();
    return true;
  };
  if (has_noise(event.kind)) known = known && number("noise_multiplier", event.noise_multiplier);
  if (is_sampled(event.kind)) known = known && number("sampling_rate", event.sampling_rate);
  if (json.contains("max_batch"))
    known = known && integer("max_batch", event.max_batch) && integer("n_public", event.n_public);
  if (is_discrete(event.kind)) known = known && integer("sensitivity", event.sensitivity);
  if (has_epsilon(event.kind)) known = known && number("epsilon", event.epsilon);
  if (event.kind == Kind::approximate) known = known && number("delta", event.delta);
  if (is_counted(event.kind)) known = known && integer("count", event.count);
  if (json.contains("neighbours")) {
    known = known && json["neighbours"] == kReplaceOne;
    event.neighbours = Neighbours::replace_one;
  }
  if (event.kind == Kind::unbounded) {
    known = known && json.contains("reason") && json["reason"].is_string();
    if (known) event.reason = json["reason"].get<std::string>();
  }
  return known ? std::optional(event) : std::nullopt;
}

std::string events_to_json(std::span<const PrivacyEvent> events) {
  std::string text = "[";
  for (const PrivacyEvent& event : events) {
    if (text.size() > 1) text += ",";
    text += event_to_json(event);
  }
  return text + "]";
}

std::optional<std::vector<PrivacyEvent>> events_from_json(std::string_view text) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_array()) return std::nullopt;
  std::vector<PrivacyEvent> events;
  for (const nlohmann::json& one : json) {
    const std::optional<PrivacyEvent> event = event_from_json(one.dump());
    if (!event) return std::nullopt;
    events.push_back(*event);
  }
  return events;
}

}  // namespace collegium
