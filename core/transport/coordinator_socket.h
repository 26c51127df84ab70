#pragma once
#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "transport/admission.h"
#include "transport/connection_guard.h"
#include "transport/roster.h"
#include "transport/zmq_frames.h"
#include "wire/message.h"

namespace collegium {

// The coordinator's one port: a ROUTER that only registered sites reach. A message's sender is the
// name of the key its connection was opened with; what the message itself claims is not looked at.
// Routes are ZeroMQ's own, and a site's latest one counts, so a site that comes back under its key
// takes its place again. One thread uses it.
class CoordinatorSocket {
 public:
  struct Options {
    std::string address;    // "tcp://*:7700"; port 0 takes a free one
    bool insecure = false;  // no encryption; a site is whoever it says it is, out of the roster
    std::optional<KeyPair> key = {};  // required unless insecure
    Roster roster = {};
    std::uint64_t most_unread = ConnectionGuard::kMost;  // bytes of one group of frames
  };
  struct Received {
    std::string site;
    Message message;
  };
  enum class Sent { yes, unreachable, queue_full };

  explicit CoordinatorSocket(
      Options options);  // throws ConfigError, SystemError (the address is in use)

  std::optional<Received>
  receive();  // without waiting; what is not a message of ours is dropped and counted
  Sent send(std::string_view site, const Message& message);
  void serve_admissions() { admission_.serve(dropped_); }
  // Whose connection has ended since the last question, and who has not come back meanwhile: a
  // process that is killed takes its connection with it, and its machine says so at once.
  std::vector<std::string> lost();
  void end_floods(double now);  // to be called at next_check() at the latest
  double next_check() const { return guard_.next_check(); }
  // For zmq_poll: messages, admissions, connections.
  std::array<zmq_pollitem_t, 3> poll_items();

  const std::string& address() const { return address_; }  // as bound
  const DropCounts& dropped() const { return dropped_; }
  const Roster& roster() const { return options_.roster; }
  // From now on these are let in: what others send is dropped, and nothing is sent to them, on
  // connections that are open as well.
  void admit(Roster roster);

 private:
  Options options_;
  zmq::context_t context_;
  Admission admission_;
  zmq::socket_t socket_;
  zmq::socket_t monitor_;  // which connections there are
  ConnectionGuard guard_;
  std::string address_;
  struct Route {
    std::string id;      // ZeroMQ's
    int descriptor = 0;  // of its connection
    std::string user;    // the key it was opened with, or the name where there are no keys
  };
  void hear_of_connections();
  std::optional<std::string> name_of(const std::string& user) const;
  std::map<std::string, Route, std::less<>> routes_;  // by name
  std::vector<std::string> lost_;
  DropCounts dropped_;
};

}  // namespace collegium
