#pragma once
#include <cstdint>

#include "config/site_config.h"
#include "federation/site.h"

namespace collegium {

// The rules of [policy] as a check of every task: which rule it breaks, in words that both ends
// print. Under privacy the cost of the whole run is computed from the task, whether it states an
// epsilon or the noise, and a table that cannot be kept with `n_public` patients is refused.
PolicyCheck make_policy(const PolicyConfig& policy, std::int64_t n_public);

}  // namespace collegium
