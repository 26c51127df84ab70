#include "store/event_json.h"

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "collegium/error.h"

namespace collegium {
namespace {

using Kind = PrivacyEvent::Kind;

constexpr std::array<std::pair<Kind, std::string_view>, 5> kNames{
    {{Kind::none, "none"},
     {Kind::gaussian, "gaussian"},
     {Kind::sampled_gaussian, "sampled_gaussian"},
     {Kind::pure, "pure"},
     {Kind::unbounded, "unbounded"}}};

void require(bool holds, const char* expected, const std::string& found) {
  if (holds) return;
  throw ConfigError(Problem{.what = "a privacy charge that means nothing",
                            .where = "privacy event",
                            .expected = expected,
                            .found = found,
                            .remedy = "correct the mechanism that states this event"});
}

bool has_noise(Kind kind) { return kind == Kind::gaussian || kind == Kind::sampled_gaussian; }

void check(const PrivacyEvent& event) {
  if (has_noise(event.kind)) {
    require(std::isfinite(event.noise_multiplier) && event.noise_multiplier > 0,
            "a finite noise multiplier above 0", std::to_string(event.noise_multiplier));
  }
  if (event.kind == Kind::sampled_gaussian) {
    require(event.sampling_rate > 0 && event.sampling_rate <= 1,
            "a sampling rate above 0 and at most 1", std::to_string(event.sampling_rate));
  }
  if (event.kind == Kind::pure) {
    require(std::isfinite(event.epsilon) && event.epsilon >= 0, "a finite epsilon of at least 0",
            std::to_string(event.epsilon));
  }
  if (has_noise(event.kind) || event.kind == Kind::pure) {
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
  if (event.kind == Kind::sampled_gaussian) json["sampling_rate"] = event.sampling_rate;
  if (event.kind == Kind::pure) json["epsilon"] = event.epsilon;
  if (has_noise(event.kind) || event.kind == Kind::pure) json["count"] = event.count;
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
  if (has_noise(event.kind)) known = known && number("noise_multiplier", event.noise_multiplier);
  if (event.kind == Kind::sampled_gaussian)
    known = known && number("sampling_rate", event.sampling_rate);
  if (event.kind == Kind::pure) known = known && number("epsilon", event.epsilon);
  if (has_noise(event.kind) || event.kind == Kind::pure) {
    known = known && json.contains("count") && json["count"].is_number_integer();
    if (known) event.count = json["count"].get<std::int64_t>();
  }
  if (event.kind == Kind::unbounded) {
    known = known && json.contains("reason") && json["reason"].is_string();
    if (known) event.reason = json["reason"].get<std::string>();
  }
  return known ? std::optional(event) : std::nullopt;
}

}  // namespace collegium
