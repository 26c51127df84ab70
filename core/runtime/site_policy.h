#pragma once
#include "config/site_config.h"
#include "federation/site.h"

namespace collegium {

// The rules of [policy] as a check of every task: which rule it breaks, in words that both ends
// print.
PolicyCheck make_policy(const PolicyConfig& policy);

}  // namespace collegium
