#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "federation/site.h"
#include "transport/driver_result.h"
#include "transport/keys.h"
#include "transport/site_work.h"
#include "transport/stop_handle.h"
#include "wire/blob.h"

namespace collegium {

struct SiteDriverOptions {
  std::string address = "tcp://127.0.0.1:7700";
  bool insecure = false;  // no encryption, no proof of identity: warned about at every start
  std::string name = {};  // in the insecure mode: whom to claim to be
  std::optional<KeyPair> key = {};           // required unless insecure
  std::optional<PublicKey> server_key = {};  // required unless insecure
  std::uint64_t largest_model =
      kMaxBlob;  // bytes; a larger one is refused before memory is taken for it
  StopHandle stop = {};
};

// Runs a site over ZeroMQ: connects outwards, and comes back on its own when the line or the
// coordinator was lost. The thread that calls run() owns the socket and the machine; slow work goes
// to a worker thread and comes back as events.
class ZmqSiteDriver {
 public:
  ZmqSiteDriver(SiteDriverOptions options, Site& machine, SiteWork& work);  // throws ConfigError
  ~ZmqSiteDriver();  // waits two seconds at most for the last messages to leave

  // Once; until the machine is done, or the coordinator's door refuses the key (Outcome::refused).
  DriverResult run();
  SiteSnapshot snapshot() const;  // from any thread, before, during and after run()

 private:
  struct Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace collegium
