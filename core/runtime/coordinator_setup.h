#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/record.h"
#include "collegium/aggregator.h"
#include "config/federation_config.h"
#include "federation/coordinator.h"
#include "privacy/central_plan.h"
#include "runtime/start_model.h"
#include "secagg/integer_code.h"
#include "store/run_store.h"
#include "transport/run_work.h"

namespace collegium {

// Everything a coordinator's machine and its work are made from, whichever driver runs them.
struct CoordinatorSetup {
  CoordinatorOptions options;
  CoordinatorResume resume;
  std::function<std::unique_ptr<Aggregator>()> aggregator;
  std::optional<CentralPlan> central;
  std::optional<secagg::IntegerCode> secure;  // then options.secure_roster wants the sites' keys
};

// Loads the plugins of the configuration and makes its aggregator and mechanism once, so that an
// unknown name, a setting nobody reads or privacy that could not be kept (docs/privacy.md, "What is
// refused") is refused before anybody waits. Throws ConfigError.
void check_run(const FederationConfig& config);

// Opens the run's folder, or makes it. A folder that holds this run already, by its configuration,
// is resumed after its last closed round; one that holds another run, or one that has ended, is
// refused.
RunStore open_run(const FederationConfig& config, const StartModel& start, bool simulation);

CoordinatorSetup make_setup(const FederationConfig& config, const RunStore& store,
                            const StartModel& start);

// What the signed log says when a coordinator starts: what is trained, from which model, and whose
// signatures count.
Record begun_record(const CoordinatorSetup& setup, const FederationConfig& config);

}  // namespace collegium
