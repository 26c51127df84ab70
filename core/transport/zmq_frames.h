#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "wire/message.h"

namespace collegium {

// What was dropped at the door, by reason. Bad bytes end no round.
using DropCounts = std::map<std::string, std::uint64_t, std::less<>>;

// One message group as it came, still unchecked.
struct RawGroup {
  std::vector<zmq::message_t> frames;  // at most kFrames are kept
  bool too_many = false;
  static constexpr std::size_t kFrames = 3;
};

// Options every socket of ours has: bounded queues, frame sizes, heartbeats, a bounded wait at
// closing.
void set_bounds(zmq::socket_t& socket);

// What ZeroMQ says of a socket's connections (zmq_socket_monitor): `monitor` gets those of
// `events`. Throws SystemError.
void watch(zmq::socket_t& socket, zmq::socket_t& monitor, const char* place, int events);
struct ConnectionEvent {
  int kind = 0;   // ZMQ_EVENT_...
  int value = 0;  // the connection's descriptor, or an error's number
};
std::optional<ConnectionEvent> next_event(zmq::socket_t& monitor);  // without waiting

// The next group without waiting; empty when there is none.
std::optional<RawGroup> receive_group(zmq::socket_t& socket);

// The message in frames[first..]; counts the reason and returns nothing when it is not one. The
// payload is not copied.
std::optional<Message> to_message(RawGroup& group, std::size_t first, DropCounts& dropped);

// Sends without waiting, the payload without a copy. 0, or the errno of the refusal (EAGAIN: the
// queue is full; EHOSTUNREACH: nobody on that route). A group is sent whole or not at all.
int send_message(zmq::socket_t& socket, const std::string* route, const Message& message);

}  // namespace collegium
