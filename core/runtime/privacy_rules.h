#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "collegium/privacy.h"
#include "config/federation_config.h"
#include "privacy/central_plan.h"

namespace collegium {

// What a federation may not be, whoever runs it: see docs/privacy.md, "What is refused". The
// plugins must be loaded. Throws ConfigError with the remedy.
void check_privacy(const FederationConfig& config);

// What the whole run costs one site, from public numbers alone: the events that its ledger will be
// asked for. ConfigError: the table cannot be kept at a site with so many patients.
std::vector<PrivacyEvent> cost_of_run(const TrainingConfig& training, const PrivacyConfig& privacy,
                                      std::int64_t n_public, std::int64_t rounds);

// The coordinator's part under [privacy] where = "coordinator"; empty otherwise.
std::optional<CentralPlan> central_plan(const FederationConfig& config);

// The settings the aggregator is made with. Under central privacy weighted_mean divides by a public
// constant, the weight that a round's sites are expected to have together, unless one is stated:
// the sum of the weights that happen to be there would move with a site.
Settings aggregator_settings(const FederationConfig& config);

// L2 bound of the updates that are accepted, if there is one.
std::optional<double> largest_norm(const FederationConfig& config);

}  // namespace collegium
