#pragma once
#include <array>
#include <optional>
#include <string>
#include <zmq.hpp>

#include "transport/connection_guard.h"
#include "transport/keys.h"
#include "transport/zmq_frames.h"
#include "wire/message.h"

namespace collegium {

// A site's line to the coordinator: a DEALER that connects outwards and comes back on its own. One
// thread uses it.
class SiteSocket {
 public:
  struct Options {
    std::string address;  // "tcp://federation.example.org:7700"
    bool insecure = false;
    std::string name = {};            // only used in the insecure mode: whom to claim to be
    std::optional<KeyPair> key = {};  // required unless insecure
    std::optional<PublicKey> server_key = {};  // required unless insecure
  };
  // What happened to the line since the last question.
  enum class Line {
    up,       // connected, and both ends have proved who they are
    lost,     // a connection that was up has gone; ZeroMQ tries again
    refused,  // the coordinator does not know our key
    failed    // the handshake came to nothing: often a wrong server key
  };

  explicit SiteSocket(Options options);  // throws ConfigError

  std::optional<Message>
  receive();  // without waiting; what is not a message of ours is dropped and counted
  bool send(const Message& message);  // false: the queue is full. Before the line is up messages
                                      // wait in the queue.
  std::optional<Line> line_event();   // the next one, without waiting
  void end_floods(double now);        // to be called at next_check() at the latest
  double next_check() const { return guard_.next_check(); }
  // For zmq_poll: messages, then the line.
  std::array<zmq_pollitem_t, 2> poll_items();

  const DropCounts& dropped() const { return dropped_; }

 private:
  zmq::context_t context_;
  zmq::socket_t socket_;
  zmq::socket_t monitor_;
  ConnectionGuard guard_;
  DropCounts dropped_;
  bool up_ = false;
};

}  // namespace collegium
