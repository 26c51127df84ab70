#pragma once
#include <cstddef>
#include <span>

#include "collegium/aggregator.h"
#include "collegium/privacy.h"

namespace collegium {

// Noise that the coordinator adds once a round to what the aggregator made of clipped updates
// (McMahan et al. 2018). Its size is a public constant of the run: no weight, norm or number of
// sites of a round moves it.
struct CentralPlan {
  double clip = 1;              // that sites hold to, and the coordinator checks
  double sensitivity = 0;       // L2, of the aggregate, when one site takes part or sends zeros
  double noise_multiplier = 0;  // standard deviation / sensitivity
  double delta = 0;

  double sigma() const { return noise_multiplier * sensitivity; }
  PrivacyEvent event() const;  // of one round

  // The sensitivity that `aggregator` states for a round of `fewest` to `most` sites of equal
  // weight. ConfigError where it states none: then no noise is enough.
  static double sensitivity_of(const Aggregator& aggregator, double clip, double weight,
                               std::size_t fewest, std::size_t most);

  // PluginError when the aggregator states more for the weights of this round than was planned for:
  // nothing of it may then be released.
  void check(const Aggregator& aggregator, std::span<const double> weights) const;
};

}  // namespace collegium
