#include "config/secure_aggregation_config.h"

#include "collegium/error.h"
#include "config/check.h"

namespace collegium {

std::optional<SecureAggregationConfig> SecureAggregationConfig::read(const Settings& table) {
  if (table.keys().empty()) return std::nullopt;
  SecureAggregationConfig config;
  const bool enabled = table.boolean("enabled", true);
  if (table.contains("clip")) config.clip = number_between(table, "clip", 1.0, 0.0, 1e9);
  if (table.contains("max_weight"))
    config.max_weight = number_between(table, "max_weight", 1.0, 0.0, 1e12);
  if (table.contains("scale_bits")) config.scale_bits = table.integer_in("scale_bits", 0, -64, 52);
  if (table.contains("threshold"))
    config.threshold = table.integer_in("threshold", 0, 1, 1'000'000);
  config.step_deadline = number_above(table, "step_deadline", config.step_deadline, 0.0);
  if (!enabled) return std::nullopt;
  return config;
}

Settings SecureAggregationConfig::to_settings() const {
  Settings table;
  table.set("enabled", true);
  if (clip) table.set("clip", *clip);
  if (max_weight) table.set("max_weight", *max_weight);
  if (scale_bits) table.set("scale_bits", *scale_bits);
  if (threshold) table.set("threshold", *threshold);
  table.set("step_deadline", step_deadline);
  return table;
}

double SecureAggregationConfig::largest_value(const std::optional<PrivacyConfig>& privacy) const {
  return clip.value_or(privacy && privacy->noises_sums() ? privacy->clip : 1.0);
}

double SecureAggregationConfig::largest_weight(const TrainingConfig& training) const {
  if (max_weight) return *max_weight;
  if (training.weighting == "equal") return 1.0;
  if (training.weighting == "iterations" && training.local_steps > 0)
    return static_cast<double>(training.local_steps);
  throw ConfigError(
      {.what =
           "the sites' weights are hidden in the sum, which must not overflow, and have no bound",
       .where = "[secure_aggregation] max_weight",
       .expected = "the weight that no site exceeds",
       .found = "nothing, with [training] weighting = \"" + training.weighting + "\"",
       .remedy = "state max_weight (iterations of a round, or subjects, at the largest site), or "
                 "local_steps, or weighting = \"equal\""});
}

}  // namespace collegium
