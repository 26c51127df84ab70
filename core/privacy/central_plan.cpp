#include "privacy/central_plan.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "collegium/error.h"

namespace collegium {

PrivacyEvent CentralPlan::event() const {
  return {.kind = PrivacyEvent::Kind::gaussian, .noise_multiplier = noise_multiplier};
}

double CentralPlan::sensitivity_of(const Aggregator& aggregator, double clip, double weight,
                                   std::size_t fewest, std::size_t most) {
  double bound = 0;
  for (const std::size_t sites : {fewest, most}) {
    const auto stated = aggregator.sensitivity(clip, std::vector<double>(sites, weight));
    if (!stated || !std::isfinite(*stated) || !(*stated > 0))
      throw ConfigError(
          {.what = "one site can move what this aggregator makes by anything, so no noise of the "
                   "coordinator hides a site",
           .where = "[aggregator] name",
           .expected = "an aggregator that bounds its sensitivity, under [privacy] where = "
                       "\"coordinator\"",
           .remedy = "take \"weighted_mean\", or where = \"site\": each site then adds its own "
                     "noise, whatever the aggregator"});
    bound = std::max(bound, *stated);
  }
  return bound;
}

void CentralPlan::check(const Aggregator& aggregator, std::span<const double> weights) const {
  const std::optional<double> actual = aggregator.sensitivity(clip, weights);
  if (actual && *actual <= sensitivity * (1 + 1e-12)) return;
  throw PluginError({.what =
                         "this round's weights make the aggregate more sensitive than its noise "
                         "was made for",
                     .expected = "a sensitivity of at most " + std::to_string(sensitivity),
                     .found = actual ? std::to_string(*actual) : "none",
                     .remedy = "nothing of this round is released; look at the sites' weights"});
}

}  // namespace collegium
