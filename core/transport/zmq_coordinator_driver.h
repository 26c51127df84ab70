#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "federation/coordinator.h"
#include "transport/coordinator_work.h"
#include "transport/driver_result.h"
#include "transport/roster.h"
#include "transport/stop_handle.h"
#include "wire/blob.h"

namespace collegium {

struct CoordinatorDriverOptions {
  std::string address = "tcp://127.0.0.1:7700";
  bool insecure = false;  // no encryption, no proof of identity: warned about at every start
  std::optional<KeyPair> key = {};  // required unless insecure
  Roster roster = {};               // in the insecure mode only its names count
  // Asked twice a second: the roster as it is now, if it may have changed.
  std::function<std::optional<Roster>()> reload = {};
  RunId run{};  // as in CoordinatorOptions
  std::uint64_t largest_update =
      kMaxBlob;  // bytes; a larger one is refused before memory is taken for it
  StopHandle stop = {};
};

// Runs a coordinator over ZeroMQ. The thread that calls run() owns the sockets and the machine;
// slow work goes to a worker thread and comes back as events. Every wait is a poll with a deadline.
class ZmqCoordinatorDriver {
 public:
  // Binds the port, so that its errors come here: ConfigError, SystemError.
  ZmqCoordinatorDriver(CoordinatorDriverOptions options, Coordinator& machine,
                       CoordinatorWork& work);
  ~ZmqCoordinatorDriver();  // waits two seconds at most for the last messages to leave

  const std::string& address() const;    // as bound: tcp://127.0.0.1:* has become a port
  DriverResult run();                    // once; until the machine is done
  CoordinatorSnapshot snapshot() const;  // from any thread, before, during and after run()

 private:
  struct Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace collegium
