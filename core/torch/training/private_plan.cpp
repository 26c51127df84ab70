#include "torch/training/private_plan.h"

#include "collegium/error.h"
#include "privacy/accountant.h"

namespace collegium {

PrivatePlan PrivatePlan::of(const TrainingConfig& training, const PrivacyConfig& privacy,
                            std::int64_t n_public, std::uint64_t rounds) {
  PrivatePlan plan{.clip = privacy.clip, .subjects = n_public - training.validation};
  if (plan.subjects < 1)
    throw ConfigError({.what = "training under privacy needs the public number of patients",
                       .where = "[data] n_public",
                       .expected = "more than the " + std::to_string(training.validation) +
                                   " kept aside for validation",
                       .found = std::to_string(n_public)});
  plan.rate = privacy.rate(training.batch_size, plan.subjects);
  plan.steps = training.steps_for(plan.subjects);
  plan.divisor = plan.rate * static_cast<double>(plan.subjects);
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
