#include "transport/coordinator_socket.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "collegium/error.h"

namespace collegium {
namespace {

constexpr const char* kMonitor = "inproc://connections";

bool of_a_coordinator(Kind kind) {
  switch (kind) {
    case Kind::welcome:
    case Kind::refuse:
    case Kind::task:
    case Kind::accepted:
    case Kind::rejected:
    case Kind::ping:
    case Kind::finished:
    case Kind::secure:
      return true;
    default:
      return false;
  }
}

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

std::array<zmq_pollitem_t, 3> CoordinatorSocket::poll_items() {
  return {zmq_pollitem_t{socket_.handle(), 0, ZMQ_POLLIN, 0},
          zmq_pollitem_t{admission_.socket().handle(), 0, ZMQ_POLLIN, 0},
          zmq_pollitem_t{monitor_.handle(), 0, ZMQ_POLLIN, 0}};
}

std::optional<CoordinatorSocket::Received> CoordinatorSocket::receive() {
  while (auto group = receive_group(socket_)) {
    if (group->frames.size() < 2) {
      ++dropped_["wrong number of frames"];
      continue;
    }
    const char* user = zmq_msg_gets(group->frames[1].handle(), "User-Id");
    const auto named = user ? name_of(user) : std::nullopt;
    if (!named) {  // admission happens once a connection, this once a message
      ++dropped_["sender is not in the roster"];
      continue;
    }
    guard_.heard(group->frames[1]);
    std::string site = *named;
    auto message = to_message(*group, 1, dropped_);
    if (!message) continue;
    if (of_a_coordinator(message->kind)) {
      ++dropped_["a site speaks as a coordinator"];
      continue;
    }
    Route route{group->frames[0].to_string(), zmq_msg_get(group->frames[1].handle(), ZMQ_SRCFD),
                user};
    if (const auto known = routes_.find(site);
        known == routes_.end() || known->second.id != route.id) {
      hear_of_connections();  // descriptors come again: what this one was before has ended
      std::erase(lost_, site);
      routes_.insert_or_assign(site, std::move(route));
    }
    return Received{std::move(site), std::move(*message)};
  }
  return std::nullopt;
}

void CoordinatorSocket::hear_of_connections() {
  while (const auto event = next_event(monitor_)) {
    if (event->kind == ZMQ_EVENT_ACCEPTED) {
      guard_.opened(event->value);
      continue;
    }
    guard_.closed(event->value);
    const auto ended = std::find_if(routes_.begin(), routes_.end(), [&](const auto& route) {
      return route.second.descriptor == event->value;
    });
    if (ended == routes_.end()) continue;
    lost_.push_back(ended->first);
    routes_.erase(ended);
  }
}

std::vector<std::string> CoordinatorSocket::lost() {
  hear_of_connections();
  return std::exchange(lost_, {});
}

void CoordinatorSocket::end_floods(double now) {
  hear_of_connections();
  if (const int ended = guard_.check(now))
    dropped_["a group of frames without end"] += static_cast<std::uint64_t>(ended);
}

std::optional<std::string> CoordinatorSocket::name_of(const std::string& user) const {
  if (!options_.insecure) return options_.roster.name_of(user);
  return options_.roster.contains(user) ? std::optional(user) : std::nullopt;
}

void CoordinatorSocket::admit(Roster roster) {
  options_.roster = std::move(roster);
  for (auto route = routes_.begin(); route != routes_.end();) {
    if (name_of(route->second.user) == route->first) {
      ++route;
      continue;
    }
    lost_.push_back(route->first);
    route = routes_.erase(route);
  }
}

CoordinatorSocket::Sent CoordinatorSocket::send(std::string_view site, const Message& message) {
  const auto route = routes_.find(site);
  if (route == routes_.end()) return Sent::unreachable;
  switch (send_message(socket_, &route->second.id, message)) {
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
