#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "federation/coordinator.h"
#include "federation/site.h"
#include "transport/coordinator_work.h"
#include "transport/driver_result.h"
#include "transport/site_work.h"
#include "transport/stop_handle.h"

namespace collegium {

struct InProcessSite {
  std::string name;
  Site* machine = nullptr;
  SiteWork* work = nullptr;
};

struct InProcessOptions {
  std::size_t threads = 1;  // sites that work at the same time
  StopHandle stop = {};
};

// A whole federation in one process: the machines of the real thing, with queues for a network.
// Messages are handed over as they are and blobs are shared, so nothing is encoded or copied. One
// thread (the one that calls run) has all machines; their slow work runs on `threads` workers, the
// coordinator's on one of its own.
class InProcessDriver {
 public:
  InProcessDriver(InProcessOptions options, Coordinator& coordinator, CoordinatorWork& work,
                  std::vector<InProcessSite> sites);
  ~InProcessDriver();

  DriverResult run();                    // once; until the coordinator is done
  CoordinatorSnapshot snapshot() const;  // from any thread, before, during and after run()

 private:
  struct Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace collegium
