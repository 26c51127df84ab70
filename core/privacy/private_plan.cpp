#include "privacy/private_plan.h"

#include "collegium/error.h"
#include "config/check.h"
#include "privacy/accountant.h"
#include "privacy/calibration.h"
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

// The least noise with which training and released metrics together stay within epsilon, to six
// digits and rounded up.
double calibrated(PrivatePlan plan, const PrivacyConfig& privacy, std::uint64_t rounds) {
  const double alone = calibrate_noise(*privacy.epsilon, privacy.delta, plan.rate,
                                       plan.steps * static_cast<std::int64_t>(rounds));
  if (privacy.metrics_every == 0) return alone;
  const auto enough = [&](double noise) {
    plan.noise_multiplier = noise;
    return epsilon(plan.events(privacy, rounds), privacy.delta) <= *privacy.epsilon;
  };
  if (!enough(1e6 * alone))
    throw ConfigError({.what = "the metrics alone cost more than the run may",
                       .where = "[privacy] metrics_noise",
                       .expected = "a cost below epsilon = " + text_of(*privacy.epsilon),
                       .found = text_of(privacy.metrics_noise),
                       .remedy = "raise metrics_noise or metrics_every, or leave both out"});
  double low = alone, high = 2 * alone;
  while (!enough(high)) high *= 2;
  while (high - low > 1e-6 * high) {
    const double middle = 0.5 * (low + high);
    (enough(middle) ? high : low) = middle;
  }
  return high;
}

}  // namespace

std::vector<PrivacyEvent> PrivatePlan::events(const PrivacyConfig& privacy,
                                              std::uint64_t rounds) const {
  PrivacyEvent training = event();
  training.count *= static_cast<std::int64_t>(rounds);
  if (privacy.metrics_every == 0) return {training};
  PrivacyEvent metrics = metrics_event();
  metrics.count = (static_cast<std::int64_t>(rounds) - 1) / privacy.metrics_every + 1;
  return {training, metrics};
}

PrivacyEvent PrivatePlan::metrics_event() const {
  return {.kind = PrivacyEvent::Kind::gaussian, .noise_multiplier = metrics_noise};
}

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
  plan.metrics_noise = privacy.metrics_noise;
  plan.noise_multiplier =
      privacy.noise_multiplier ? *privacy.noise_multiplier : calibrated(plan, privacy, rounds);
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
