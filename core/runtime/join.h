#pragma once
#include <functional>
#include <memory>

#include "config/site_config.h"
#include "federation/trainer.h"
#include "runtime/run_events.h"
#include "transport/driver_result.h"
#include "transport/site_work.h"
#include "transport/stop_handle.h"

namespace collegium {

// Builds a trainer for a run from the coordinator's tables. Core needs no torch: who links it hands
// this in.
using TrainerFactory = std::function<std::shared_ptr<Trainer>(const at_site::Prepare& run)>;

// Takes part in a federation over ZeroMQ until it has ended: collegium-site, `collegium site` and
// Site.join. Keeps ledger and outbox in [site] state; a result that was stored before a crash is
// sent again, never made again.
DriverResult join(const SiteConfig& config, const TrainerFactory& make_trainer,
                  const RunEvents& events, const StopHandle& stop);

}  // namespace collegium
