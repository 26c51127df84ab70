#include "transport/coordinator_socket.h"

#include <cerrno>
#include <utility>

#include "collegium/error.h"

namespace collegium {
namespace {

constexpr const char* kMonitor = "inproc://connections";

}  // namespace

CoordinatorSocket::CoordinatorSocket(Options options)
    : options_(std::move(options)),
      admission_(context_, options_.roster, options_.insecure),
      socket_(context_, zmq::socket_type::router),
      monitor_(context_, zmq::socket_type::pair),
      guard_(options_.most_unread) {
  set_bounds(socket_);
  socket_.set(zmq::sockopt::router_mandatory, true);
  socket_.set(zmq::sockopt::zap_domain, Admission::kDomain);
  if (options_.insecure) {
    socket_.set(zmq::sockopt::plain_server, true);
  } else {
    if (!options_.key)
      throw ConfigError(Problem{.what = "the coordinator has no key",
                                .where = "[server] secret",
                                .remedy = "create one with 'collegium keys new server'"});
    socket_.set(zmq::sockopt::curve_server, true);
    socket_.set(zmq::sockopt::curve_secretkey, options_.key->secret_key);
  }
  watch(socket_, monitor_, kMonitor,
        ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED);
  try {
    socket_.bind(options_.address);
  } catch (const zmq::error_t& error) {
    throw SystemError(
        Problem{.what = "cannot listen at this address",
                .where = options_.address,
                .found = error.what(),
                .remedy = error.num() == EADDRINUSE
                              ? "stop the process that has the port, or choose another"
                              : "expected a form such as tcp://*:7700"});
  }
  address_ = socket_.get(zmq::sockopt::last_endpoint);
}

std::array<zmq_pollitem_t, 2> CoordinatorSocket::poll_items() {
  return {zmq_pollitem_t{socket_.handle(), 0, ZMQ_POLLIN, 0},
          zmq_pollitem_t{admission_.socket().handle(), 0, ZMQ_POLLIN, 0}};
}

std::optional<CoordinatorSocket::Received> CoordinatorSocket::receive() {
  while (auto group = receive_group(socket_)) {
    if (group->frames.size() < 2) {
      ++dropped_["wrong number of frames"];
      continue;
    }
    const char* user = zmq_msg_gets(group->frames[1].handle(), "User-Id");
    if (!user || !options_.roster.contains(
                     user)) {  // admission happens once a connection, this once a message
      ++dropped_["sender is not in the roster"];
      continue;
    }
    guard_.heard(group->frames[1]);
    std::string site = user;
    auto message = to_message(*group, 1, dropped_);
    if (!message) continue;
    routes_.insert_or_assign(site, group->frames[0].to_string());
    return Received{std::move(site), std::move(*message)};
  }
  return std::nullopt;
}

void CoordinatorSocket::end_floods(double now) {
  while (const auto event = next_event(monitor_))
    event->kind == ZMQ_EVENT_ACCEPTED ? guard_.opened(event->value) : guard_.closed(event->value);
  if (const int ended = guard_.check(now))
    dropped_["a group of frames without end"] += static_cast<std::uint64_t>(ended);
}

CoordinatorSocket::Sent CoordinatorSocket::send(std::string_view site, const Message& message) {
  const auto route = routes_.find(site);
  if (route == routes_.end()) return Sent::unreachable;
  switch (send_message(socket_, &route->second, message)) {
    case 0:
      return Sent::yes;
    case EAGAIN:
      ++dropped_["queue to a site is full"];
      return Sent::queue_full;
    default:
      routes_.erase(route);
      return Sent::unreachable;  // the next message it sends opens another route
  }
}

}  // namespace collegium
