#include "runtime/privacy_rules.h"

#include <algorithm>
#include <string>

#include "collegium/error.h"
#include "config/check.h"
#include "plugin/registry.h"
#include "privacy/accountant.h"
#include "privacy/private_plan.h"
#include "privacy/site_plan.h"

namespace collegium {
namespace {

bool is_central(const FederationConfig& config) {
  return config.privacy && config.privacy->is_central();
}

// Privacy of whole sites: what each refusal would otherwise tell or break.
void check_site_privacy(const FederationConfig& config) {
  const PrivacyConfig& privacy = *config.privacy;
  SitePlan::of(config.training, privacy, 1, static_cast<std::uint64_t>(config.rounds));
  if (!config.mechanism.name.empty())
    throw ConfigError({.what = "two things would be done to one update",
                       .where = "[mechanism] name",
                       .expected = "no [mechanism] beside [privacy] unit = \"site\"",
                       .found = "'" + config.mechanism.name + "'",
                       .remedy = "leave it out: the whole update is clipped and noised already"});
  const auto sites = static_cast<double>(config.sites.size());
  if (sites > 0 && privacy.delta * sites >= 1)
    throw ConfigError({.what = "delta lets a whole site be revealed",
                       .where = "[privacy] delta",
                       .expected = "below 1 / the number of sites, " + text_of(1 / sites),
                       .found = text_of(privacy.delta),
                       .remedy = "take a delta well below that"});
  if (privacy.max_weight && (!privacy.is_central() || config.training.weighting != "subjects"))
    throw ConfigError(
        {.what = "max_weight would bound nothing",
         .where = "[privacy] max_weight",
         .expected = "where = \"coordinator\" and [training] weighting = \"subjects\"",
         .remedy = "leave it out: the weights are equal, or no noise depends on them"});
  if (privacy.noises_sums() && !config.secure_aggregation)
    throw ConfigError({.what = "without secure aggregation there is no sum to be noised, and each "
                               "update would leave with a share of the noise",
                       .where = "[privacy] where",
                       .expected = "a [secure_aggregation] table beside where = \"sum\"",
                       .found = "none",
                       .remedy = "add the table, or take where = \"site\""});
  if (config.server.norm_bound && privacy.is_central() && *config.server.norm_bound < privacy.clip)
    throw ConfigError({.what = "updates that are clipped as asked would be refused, and who is "
                               "refused would tell about its data",
                       .where = "[server] norm_bound",
                       .expected = "nothing, or at least clip = " + text_of(privacy.clip),
                       .found = text_of(*config.server.norm_bound),
                       .remedy = "leave out norm_bound: under central privacy clip is the bound"});
}

}  // namespace

std::vector<PrivacyEvent> cost_of_run(const TrainingConfig& training, const PrivacyConfig& privacy,
                                      std::int64_t n_public, std::int64_t rounds) {
  const auto many = static_cast<std::uint64_t>(rounds);
  if (!privacy.protects_sites())
    return PrivatePlan::of(training, privacy, n_public, many).events(privacy, many);
  PrivacyEvent event = SitePlan::of(training, privacy, n_public, many).event();
  event.count *= rounds;
  return {event};
}

std::optional<CentralPlan> central_plan(const FederationConfig& config) {
  if (!is_central(config)) return std::nullopt;
  const PrivacyConfig& privacy = *config.privacy;
  const auto most = std::max<std::size_t>(config.sites.size(), 1);
  const auto fewest = config.min_sites > 0 ? static_cast<std::size_t>(config.min_sites) : most;
  const auto aggregator =
      registry().make_aggregator(config.aggregator.name, aggregator_settings(config));
  return CentralPlan{
      .clip = privacy.clip,
      .sensitivity = CentralPlan::sensitivity_of(
          *aggregator, privacy.clip, largest_weight(config.training, privacy), fewest, most),
      .noise_multiplier =
          SitePlan::of(config.training, privacy, 1, static_cast<std::uint64_t>(config.rounds))
              .noise_multiplier,
      .delta = privacy.delta};
}

Settings aggregator_settings(const FederationConfig& config) {
  Settings settings = config.aggregator.settings;
  if (!is_central(config) || config.aggregator.name != "weighted_mean" ||
      settings.contains("denominator") || config.sites.empty())
    return settings;
  settings.set("denominator", largest_weight(config.training, *config.privacy) *
                                  static_cast<double>(config.sites.size()) * config.cohort_rate);
  return settings;
}

std::optional<double> largest_norm(const FederationConfig& config) {
  return is_central(config) ? config.privacy->clip : config.server.norm_bound;
}

void check_privacy(const FederationConfig& config) {
  if (!config.privacy) return;
  if (config.privacy->metrics_every > 0 && config.training.validation < 1)
    throw ConfigError(
        {.what = "there is nobody to measure the metrics on",
         .where = "[training] validation",
         .expected = "at least 1 with [privacy] metrics_every",
         .found = std::to_string(config.training.validation),
         .remedy = "keep subjects aside with validation, or leave out metrics_every"});
  if (config.privacy->protects_sites()) check_site_privacy(config);
  central_plan(config);
}

}  // namespace collegium
