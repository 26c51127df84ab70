#include "privacy/site_plan.h"

#include <string>

#include "collegium/error.h"
#include "config/check.h"
#include "privacy/accountant.h"
#include "privacy/calibration.h"

namespace collegium {
namespace {

SitePlan::Noise noise_of(const PrivacyConfig& privacy) {
  if (privacy.is_central()) return SitePlan::Noise::coordinator;
  return privacy.noises_sums() ? SitePlan::Noise::sum : SitePlan::Noise::site;
}

}  // namespace

SitePlan SitePlan::of(const TrainingConfig& training, const PrivacyConfig& privacy,
                      std::int64_t n_public, std::uint64_t rounds) {
  if (training.local_steps < 1)
    throw ConfigError({.what = "a number of steps that follows the true count of subjects would "
                               "tell it to everybody",
                       .where = "[training] local_epochs",
                       .expected = "local_steps under [privacy] unit = \"site\"",
                       .found = "local_epochs = " + std::to_string(training.local_epochs),
                       .remedy = "state local_steps: the same number at every site"});
  SitePlan plan{.clip = privacy.clip,
                .noise_multiplier = privacy.noise_multiplier
                                        ? *privacy.noise_multiplier
                                        : calibrate_noise(*privacy.epsilon, privacy.delta, 1.0,
                                                          static_cast<std::int64_t>(rounds)),
                .steps = training.local_steps,
                .noise = noise_of(privacy)};
  if (training.weighting == "iterations") plan.weight = static_cast<double>(training.local_steps);
  if (training.weighting != "subjects") return plan;
  if (n_public < 1)
    throw ConfigError({.what = "a weight by subjects needs the public number of patients",
                       .where = "[data] n_public",
                       .expected = "at least 1",
                       .found = std::to_string(n_public)});
  plan.weight = static_cast<double>(n_public);
  if (privacy.max_weight && plan.weight > *privacy.max_weight)
    plan.weight = *privacy.max_weight;  // a cap, and not a reason to stay away
  return plan;
}

PrivacyEvent SitePlan::event() const {
  return {.kind = PrivacyEvent::Kind::gaussian, .noise_multiplier = noise_multiplier};
}

double largest_weight(const TrainingConfig& training, const PrivacyConfig& privacy) {
  if (training.weighting == "equal") return 1.0;
  if (training.weighting == "iterations") return static_cast<double>(training.local_steps);
  if (privacy.max_weight) return *privacy.max_weight;
  throw ConfigError(
      {.what =
           "weights by subjects have no bound, so one site could move the aggregate by anything",
       .where = "[privacy] max_weight",
       .expected = "the weight that no site exceeds",
       .found = "nothing",
       .remedy = "state max_weight, or take [training] weighting = \"equal\""});
}

}  // namespace collegium
