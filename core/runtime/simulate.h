#pragma once
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "config/federation_config.h"
#include "federation/trainer.h"
#include "runtime/run_events.h"
#include "runtime/start_model.h"
#include "transport/driver_result.h"
#include "transport/stop_handle.h"

namespace collegium {

struct SimulatedSite {
  std::string name;
  std::shared_ptr<Trainer> trainer;
  std::int64_t n_public = 0;  // the number of patients the simulation takes for public
  // State folder whose ledger holds a lifetime budget for these patients, and the data set's name
  // in it; empty: none does.
  std::filesystem::path ledger = {};
  std::string dataset = {};
};

// Runs a whole federation in this process, over the machines and the store of the real thing. Under
// privacy each site is charged for the whole run before anything is computed: in the ledger it
// names, or in the run's folder, in sites/NAME, where it counts for no data set's lifetime budget.
// The charges say that they are a simulation's. A folder that holds this simulation already is
// resumed after its last closed round. `start` has the trainers' layout. `threads`: sites that
// train at the same time.
DriverResult simulate(const FederationConfig& config, const std::vector<SimulatedSite>& sites,
                      const StartModel& start, std::size_t threads, const RunEvents& events,
                      const StopHandle& stop);

}  // namespace collegium
