#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "config/federation_config.h"

namespace collegium {

using CohortDraw = std::function<std::vector<bool>(std::uint64_t round, std::uint64_t attempt)>;

// A Poisson sample of the sites, each with cohort_rate; a draw of fewer than min_sites is made
// again. Empty when every round asks everybody. The coins follow from (seed, round, attempt);
// under [privacy] or a [mechanism] they come from the operating system, because the coordinator,
// and whoever reads the configuration, knows the seed.
CohortDraw cohort_draw(const FederationConfig& config);

}  // namespace collegium
