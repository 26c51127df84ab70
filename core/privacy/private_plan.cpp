#include "privacy/private_plan.h"

#include "collegium/error.h"
#include "privacy/accountant.h"
#include "privacy/weak_delta.h"

namespace collegium {
namespace {

constexpr double kLargestBatch = 2048;  // expected; twice as many never come

ClippingMode mode_of(const std::string& name) {
  if (name == "per_layer") return ClippingMode::per_layer;
  if (name == "automatic") return ClippingMode::automatic;
  if (name == "adaptive") return ClippingMode::adaptive;
  return ClippingMode::flat;
}

}  // namespace

PrivatePlan PrivatePlan::of(const TrainingConfig& training, const PrivacyConfig& privacy,
                            std::int64_t n_public, std::uint64_t rounds) {
  PrivatePlan plan{.clipping = mode_of(privacy.clipping),
                   .clip = privacy.clip,
                   .subjects = n_public - training.validation};
  if (plan.subjects < 1)
    throw ConfigError({.what = "training under privacy needs the public number of patients",
                       .where = "[data] n_public",
                       .expected = "more than the " + std::to_string(training.validation) +
                                   " kept aside for validation",
                       .found = std::to_string(n_public)});
  if (const auto weak = weak_delta(privacy.delta, n_public, "[privacy] delta");
      weak && privacy.delta * static_cast<double>(n_public) >= 1)
    throw ConfigError(*weak);
  plan.rate = privacy.rate(training.batch_size, plan.subjects);
  plan.steps = training.steps_for(plan.subjects);
  plan.divisor = plan.rate * static_cast<double>(plan.subjects);
  if (plan.divisor > kLargestBatch)
    throw ConfigError({.what = "a private batch of so many patients is not supported",
                       .where = "[training] batch_size",
                       .expected = "at most 2048 patients in a step on average",
                       .found = std::to_string(plan.divisor)});
  plan.noise_multiplier = privacy.noise_multiplier
                              ? *privacy.noise_multiplier
                              : calibrate_noise(*privacy.epsilon, privacy.delta, plan.rate,
                                                plan.steps * static_cast<std::int64_t>(rounds));
  return plan;
}

PrivacyEvent PrivatePlan::event() const {
  return {.kind = PrivacyEvent::Kind::sampled_gaussian,
          .noise_multiplier = noise_multiplier,
          .sampling_rate = rate,
          .count = steps,
          .reason = {}};
}

}  // namespace collegium
