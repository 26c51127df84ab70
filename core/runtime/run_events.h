#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "federation/contribution.h"
#include "federation/events.h"

namespace collegium {

// What somebody who watches a run is told, from the run's own threads. Every member may be empty.
struct RunEvents {
  std::function<void()> on_begin;                    // the run's folder is there
  std::function<void(const RoundRecord&)> on_round;  // after it is durable
  std::function<void(std::uint64_t round, const std::string& site, const std::vector<Metric>&)>
      on_metrics;
  std::function<void(const std::string& site, std::uint64_t round, std::int64_t step,
                     std::int64_t steps)>
      on_progress;
  std::function<void(const LogEvent&)> on_log;
};

}  // namespace collegium
