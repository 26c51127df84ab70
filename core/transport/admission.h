#pragma once
#include <string>
#include <zmq.hpp>

#include "transport/roster.h"
#include "transport/zmq_frames.h"

namespace collegium {

// Decides who may connect (the ZAP protocol, ZeroMQ RFC 27). With CURVE: whose public key is in the
// roster, and from then on every message of that connection carries the key, whose name is looked
// up again each time. In the insecure
// mode: whoever claims a name that is in the roster. Lives in the coordinator's I/O thread, beside
// the socket it guards.
class Admission {
 public:
  static constexpr const char* kDomain = "collegium";

  // Must exist before the guarded socket of the same context is bound.
  Admission(zmq::context_t& context, const Roster& roster, bool insecure);

  zmq::socket_t& socket() { return socket_; }
  void serve(DropCounts& refused);  // answers everything that waits

 private:
  const Roster& roster_;
  bool insecure_;
  zmq::socket_t socket_;
};

}  // namespace collegium
