#include "transport/site_socket.h"

#include <cerrno>
#include <utility>

#include "collegium/error.h"

namespace collegium {
namespace {

constexpr const char* kMonitor = "inproc://line";
constexpr int kEvents = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                        ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                        ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_DISCONNECTED;
constexpr int kReconnectMs = 100;
constexpr int kReconnectMaxMs = 5'000;

}  // namespace

SiteSocket::SiteSocket(Options options)
    : socket_(context_, zmq::socket_type::dealer), monitor_(context_, zmq::socket_type::pair) {
  set_bounds(socket_);
  socket_.set(zmq::sockopt::reconnect_ivl, kReconnectMs);
  socket_.set(zmq::sockopt::reconnect_ivl_max, kReconnectMaxMs);
  if (options.insecure) {
    socket_.set(zmq::sockopt::plain_username, options.name);
    socket_.set(zmq::sockopt::plain_password, "insecure");
  } else {
    if (!options.key || !options.server_key)
      throw ConfigError(Problem{
          .what = "a site needs its own secret key and the coordinator's public key",
          .where = "[site] secret, server_key",
          .remedy = "create a pair with 'collegium keys new NAME' and ask the coordinator for its "
                    "NAME.public"});
    socket_.set(zmq::sockopt::curve_serverkey, options.server_key->key);
    socket_.set(zmq::sockopt::curve_publickey, options.key->public_key);
    socket_.set(zmq::sockopt::curve_secretkey, options.key->secret_key);
  }
  watch(socket_, monitor_, kMonitor, kEvents);
  try {
    socket_.connect(options.address);
  } catch (const zmq::error_t& error) {
    throw ConfigError(Problem{.what = "the coordinator's address cannot be used",
                              .where = "[site] server",
                              .expected = "a form such as tcp://federation.example.org:7700",
                              .found = options.address + " (" + error.what() + ")"});
  }
}

std::array<zmq_pollitem_t, 2> SiteSocket::poll_items() {
  return {zmq_pollitem_t{socket_.handle(), 0, ZMQ_POLLIN, 0},
          zmq_pollitem_t{monitor_.handle(), 0, ZMQ_POLLIN, 0}};
}

std::optional<Message> SiteSocket::receive() {
  while (auto group = receive_group(socket_)) {
    guard_.heard(group->frames.front());
    if (auto message = to_message(*group, 0, dropped_)) return message;
  }
  return std::nullopt;
}

bool SiteSocket::send(const Message& message) {
  if (send_message(socket_, nullptr, message) == 0) return true;
  ++dropped_["queue to the coordinator is full"];
  return false;
}

void SiteSocket::end_floods(double now) {
  if (const int ended = guard_.check(now))
    dropped_["a group of frames without end"] += static_cast<std::uint64_t>(ended);
}

std::optional<SiteSocket::Line> SiteSocket::line_event() {
  while (const auto event = next_event(monitor_)) {
    if (event->kind == ZMQ_EVENT_CONNECTED) {
      guard_.opened(event->value);
      continue;
    }
    const bool was_up = std::exchange(up_, event->kind == ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    switch (event->kind) {
      case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        return Line::up;
      case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        socket_.set(zmq::sockopt::linger, 0);  // what waits in the queue will not be taken
        return Line::refused;
      case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
      case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        return Line::failed;
      default:
        guard_.closed(event->value);
        if (was_up) return Line::lost;
    }
  }
  return std::nullopt;
}

}  // namespace collegium
