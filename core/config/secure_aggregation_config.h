#pragma once
#include <cstdint>
#include <optional>

#include "collegium/settings.h"
#include "config/privacy_config.h"
#include "config/training_config.h"

namespace collegium {

// The [secure_aggregation] table: the coordinator learns the sum of the sites' updates and none of
// them. Without the table it gets every update.
struct SecureAggregationConfig {
  // Larger values of an update are cut, at the site; empty: 1, or [privacy] clip where the sum is
  // noised.
  std::optional<double> clip;
  std::optional<double> max_weight;        // no site weighs more; empty: it follows from [training]
  std::optional<std::int64_t> scale_bits;  // an update times 2^scale_bits is rounded to integers;
                                           // empty: the finest that 32 bits hold
  std::optional<std::int64_t> threshold;   // sites that can open a sum; empty: floor(2n/3) + 1
  double step_deadline = 600;              // seconds for each step after training

  // An empty table, or one with enabled = false: no secure aggregation.
  static std::optional<SecureAggregationConfig> read(const Settings& table);
  Settings to_settings() const;
  bool operator==(const SecureAggregationConfig&) const = default;

  double largest_value(const std::optional<PrivacyConfig>& privacy) const;
  // The weight that no site exceeds. Throws ConfigError where there is none.
  double largest_weight(const TrainingConfig& training) const;
};

}  // namespace collegium
