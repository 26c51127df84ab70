#pragma once
#include "config/federation_config.h"
#include "runtime/run_events.h"
#include "transport/driver_result.h"
#include "transport/stop_handle.h"

namespace collegium {

// Coordinates a federation over ZeroMQ until it has ended: collegium-server, `collegium server` and
// Federation.serve. Needs no torch: the initial model comes from [network] initial or file. Resumes
// a folder that holds this run already. Throws ConfigError, SystemError, DataError before the first
// site is heard; afterwards the result says how it ended.
DriverResult serve(const FederationConfig& config, const RunEvents& events, const StopHandle& stop);

}  // namespace collegium
