#include "config/privacy_config.h"

#include "collegium/error.h"
#include "config/check.h"

namespace collegium {
namespace {

constexpr double kMuch = 1e9;  // more is a slip of the pen, and infinity is no number to plan with

// Keys that mean nothing for the unit at hand.
void check_unit(const Settings& table, const PrivacyConfig& config) {
  if (!config.protects_sites() && config.where != "site")
    refuse_value(table, "where", "cannot be used for patients: DP-SGD adds its noise at the sites",
                 "\"site\"", "\"" + config.where + "\"",
                 "leave it out, or protect whole sites with unit = \"site\"");
  if (config.colluding && config.where != "sum")
    refuse_value(table, "colluding", "is about noise that the sites add together",
                 "where = \"sum\"", "where = \"" + config.where + "\"", "leave it out");
  if (!config.protects_sites() && config.max_weight)
    refuse_value(table, "max_weight", "belongs to privacy of whole sites", "unit = \"site\"",
                 "unit = \"patient\"", "leave it out");
  if (config.protects_sites() && config.sampling_rate)
    refuse_value(table, "sampling_rate", "draws patients", "unit = \"patient\"", "unit = \"site\"",
                 "leave it out: a site takes part with its whole update");
  if (config.protects_sites() && config.clipping != "flat")
    refuse_value(table, "clipping", "is about patients' gradients", "\"flat\" with unit = \"site\"",
                 "\"" + config.clipping + "\"",
                 "leave it out: a site's update is clipped as a whole");
  if (config.protects_sites() && config.metrics_every > 0)
    refuse_value(table, "metrics_every",
                 "would release one number a site under noise that drowns it",
                 "0 with unit = \"site\"", std::to_string(config.metrics_every),
                 "leave it out, and measure the model on data that may be used");
}

void read_metrics(const Settings& table, PrivacyConfig& config) {
  config.metrics_every = table.integer_in("metrics_every", config.metrics_every, 0, 1'000'000);
  const bool stated = table.contains("metrics_noise");
  if (stated) config.metrics_noise = number_between(table, "metrics_noise", 1.0, 0.0, 1e9);
  if (stated == (config.metrics_every > 0)) return;
  refuse_value(table, stated ? "metrics_every" : "metrics_noise", "is missing",
               "both of metrics_every and metrics_noise, or neither", "one",
               "state how often metrics are released, and under how much noise");
}

}  // namespace

std::optional<PrivacyConfig> PrivacyConfig::read(const Settings& table) {
  if (table.keys().empty()) return std::nullopt;
  PrivacyConfig config;
  config.unit = table.one_of("unit", config.unit, {"patient", "site"});
  config.where = table.one_of("where", config.where, {"site", "sum", "coordinator"});
  config.clip = number_between(table, "clip", config.clip, 0.0, kMuch);
  config.clipping =
      table.one_of("clipping", config.clipping, {"flat", "per_layer", "automatic", "adaptive"});
  const bool by_epsilon = table.contains("epsilon");
  const bool by_noise = table.contains("noise_multiplier");
  if (by_epsilon == by_noise) {
    refuse_value(
        table, by_epsilon ? "noise_multiplier" : "epsilon",
        by_epsilon ? "and 'epsilon' are both stated" : "is missing",
        "exactly one of 'epsilon' and 'noise_multiplier'", by_epsilon ? "both" : "neither",
        "state epsilon and the noise is calibrated to it, or state the noise and epsilon follows");
  }
  if (by_epsilon) config.epsilon = number_between(table, "epsilon", 0.0, 0.0, kMuch);
  if (by_noise)
    config.noise_multiplier = number_between(table, "noise_multiplier", 0.0, 0.0, kMuch);
  if (!table.contains("delta")) {
    refuse_value(table, "delta", "is missing", "a number above 0 and below 1", "nothing",
                 "take one well below 1 / the number of patients of the smallest site");
  }
  config.delta = number_between(table, "delta", 0.0, 0.0, 1.0);
  if (table.contains("sampling_rate")) {
    const double rate = number_above(table, "sampling_rate", 1.0, 0.0);
    config.sampling_rate = table.number_in("sampling_rate", rate, 0.0, 1.0);
  }
  if (table.contains("colluding"))
    config.colluding = table.integer_in("colluding", 0, 0, 1'000'000);
  if (table.contains("max_weight")) config.max_weight = number_above(table, "max_weight", 1.0, 0.0);
  read_metrics(table, config);
  check_unit(table, config);
  return config;
}

Settings PrivacyConfig::to_settings() const {
  Settings table;
  table.set("unit", unit);
  table.set("where", where);
  table.set("clip", clip);
  table.set("clipping", clipping);
  if (epsilon) table.set("epsilon", *epsilon);
  if (noise_multiplier) table.set("noise_multiplier", *noise_multiplier);
  table.set("delta", delta);
  if (sampling_rate) table.set("sampling_rate", *sampling_rate);
  if (colluding) table.set("colluding", *colluding);
  if (max_weight) table.set("max_weight", *max_weight);
  table.set("metrics_every", metrics_every);
  if (metrics_every > 0) table.set("metrics_noise", metrics_noise);
  return table;
}

double PrivacyConfig::rate(std::int64_t batch_size, std::int64_t n_public) const {
  if (sampling_rate) return *sampling_rate;
  if (n_public >= batch_size && batch_size > 0)
    return static_cast<double>(batch_size) / static_cast<double>(n_public);
  throw ConfigError({.what = "the site declares fewer patients than one batch has",
                     .where = "[data] n_public",
                     .expected = "at least batch_size = " + std::to_string(batch_size),
                     .found = std::to_string(n_public),
                     .remedy = "take smaller batches, or leave out this site"});
}

}  // namespace collegium
