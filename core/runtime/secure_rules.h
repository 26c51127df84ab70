#pragma once
#include "config/federation_config.h"
#include "federation/secure_terms.h"

namespace collegium {

// What a federation's [secure_aggregation] comes to: terms for its sites, with a fresh name for
// this process of the coordinator. Throws ConfigError where a sum could overflow, or could be
// opened by too few.
SecureTerms secure_terms(const FederationConfig& config);

// Refuses what secure aggregation cannot be combined with, with the remedy: aggregators that need
// the single updates, bounds on norms that nobody could look at, noise of the coordinator. Nothing
// without the table.
void check_secure_aggregation(const FederationConfig& config);

}  // namespace collegium
