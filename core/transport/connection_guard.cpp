#include "transport/connection_guard.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <optional>

namespace collegium {
namespace {

// Since the connection was opened; empty: not (or no longer) a TCP connection.
std::optional<std::uint64_t> bytes_received(int descriptor) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  return info.tcpi_bytes_received;
}

}  // namespace

void ConnectionGuard::heard(const zmq::message_t& frame) {
  const auto found = connections_.find(zmq_msg_get(frame.handle(), ZMQ_SRCFD));
  if (found != connections_.end()) found->second.heard = true;
}

int ConnectionGuard::check(double now) {
  if (now < next_) return 0;
  next_ = now + kEvery;
  int ended = 0;
  for (auto at = connections_.begin(); at != connections_.end();) {
    auto& [descriptor, connection] = *at;
    const auto received = bytes_received(descriptor);
    if (!received) {
      at = connections_.erase(at);
      continue;
    }
    if (connection.heard || *received < connection.received)
      connection = {.received = *received, .heard = false};
    if (*received - connection.received > most_) {
      ::shutdown(descriptor, SHUT_RDWR);  // ZeroMQ closes it when it sees the end
      at = connections_.erase(at);
      ++ended;
      continue;
    }
    ++at;
  }
  return ended;
}

}  // namespace collegium
