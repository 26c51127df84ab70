#include "transport/zmq_frames.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "collegium/error.h"

namespace collegium {
namespace {

constexpr int kQueue = 64;  // groups; above the credit window of a transfer
constexpr std::int64_t kLargestFrame = kMaxPayload + 1024;  // room for what CURVE adds
constexpr int kHeartbeatMs = 1'000;
// Without a whole frame for so long the line counts as lost. A chunk of 1 MiB must come through
// meanwhile, so this also says how slow a line may be: 300 kbit/s.
constexpr int kSilenceMs = 30'000;
// What was sent and is not confirmed by the other machine for so long ends the line: it has lost
// its power or its address, or the way there is gone. Unlike a heartbeat it says nothing against a
// line that is merely slow. With a heartbeat a second that is noticed after 5.5 s. Measured with
// 2 s instead (`./dev bench lines`): noticed after 2.5 s, but a line that is down for 2 s every 10
// s then loses its connection each time, and 500 MB take 132 s where they take 96 s; and a process
// that stands still for so long, whose machine confirms and takes no more, is cut off as well.
constexpr int kUnconfirmedMs = 5'000;
constexpr int kHandshakeMs = 10'000;
constexpr int kLingerMs = 2'000;
constexpr std::size_t kCopyBelow = 4096;  // smaller payloads are cheaper to copy than to share

void release(void*, void* hint) { delete static_cast<Bytes*>(hint); }

zmq::message_t frame_of(const Bytes& payload) {
  if (payload.size() < kCopyBelow) return zmq::message_t(payload.view.data(), payload.size());
  auto held = std::make_unique<Bytes>(payload);
  zmq::message_t frame(const_cast<std::uint8_t*>(payload.view.data()), payload.size(), release,
                       held.get());
  held.release();
  return frame;
}

int send_frame(zmq::socket_t& socket, zmq::message_t frame, bool more) {
  const auto flags =
      zmq::send_flags::dontwait | (more ? zmq::send_flags::sndmore : zmq::send_flags::none);
  try {
    return socket.send(std::move(frame), flags) ? 0 : EAGAIN;
  } catch (const zmq::error_t& error) {
    return error.num();
  }
}

}  // namespace

void set_bounds(zmq::socket_t& socket) {
  socket.set(zmq::sockopt::sndhwm, kQueue);
  socket.set(zmq::sockopt::rcvhwm, kQueue);
  socket.set(zmq::sockopt::maxmsgsize, kLargestFrame);
  socket.set(zmq::sockopt::heartbeat_ivl, kHeartbeatMs);
  socket.set(zmq::sockopt::heartbeat_timeout, kSilenceMs);
  socket.set(zmq::sockopt::heartbeat_ttl, kSilenceMs);
  socket.set(zmq::sockopt::tcp_maxrt, kUnconfirmedMs);
  socket.set(zmq::sockopt::handshake_ivl, kHandshakeMs);
  socket.set(zmq::sockopt::linger, kLingerMs);
}

void watch(zmq::socket_t& socket, zmq::socket_t& monitor, const char* place, int events) {
  if (zmq_socket_monitor(socket.handle(), place, events) != 0)
    throw SystemError(Problem{.what = "cannot watch the line", .found = zmq_strerror(zmq_errno())});
  monitor.set(zmq::sockopt::linger, 0);
  monitor.connect(place);
}

std::optional<ConnectionEvent> next_event(zmq::socket_t& monitor) {
  while (auto group = receive_group(monitor)) {
    std::uint16_t kind = 0;
    std::uint32_t value = 0;
    const zmq::message_t& frame = group->frames.front();
    if (frame.size() < sizeof kind + sizeof value) continue;
    std::memcpy(&kind, frame.data(), sizeof kind);
    std::memcpy(&value, static_cast<const char*>(frame.data()) + sizeof kind, sizeof value);
    return ConnectionEvent{kind, static_cast<int>(value)};
  }
  return std::nullopt;
}

std::optional<RawGroup> receive_group(zmq::socket_t& socket) {
  RawGroup group;
  bool more = true;
  while (more) {
    zmq::message_t frame;
    if (!socket.recv(frame, zmq::recv_flags::dontwait)) return std::nullopt;
    more = frame.more();
    if (group.frames.size() < RawGroup::kFrames)
      group.frames.push_back(std::move(frame));
    else
      group.too_many = true;
  }
  return group;
}

std::optional<Message> to_message(RawGroup& group, std::size_t first, DropCounts& dropped) {
  const std::size_t frames = group.frames.size() - first;
  if (group.too_many || frames < 1 || frames > 2) {
    ++dropped["wrong number of frames"];
    return std::nullopt;
  }
  Bytes payload;
  if (frames == 2) {
    auto held = std::make_shared<zmq::message_t>(std::move(group.frames[first + 1]));
    payload.view = {static_cast<const std::uint8_t*>(held->data()), held->size()};
    payload.owner = std::move(held);
  }
  const zmq::message_t& head = group.frames[first];
  auto decoded =
      decode({static_cast<const std::uint8_t*>(head.data()), head.size()}, std::move(payload));
  if (auto* message = std::get_if<Message>(&decoded)) return std::move(*message);
  ++dropped[std::string(name_of(std::get<DecodeError>(decoded)))];
  return std::nullopt;
}

int send_message(zmq::socket_t& socket, const std::string* route, const Message& message) {
  const std::vector<std::uint8_t> head = encode(message);
  zmq::message_t head_frame(head.data(), head.size());
  // A refusal can only come for the first frame; ZeroMQ queues the rest of a group it began.
  if (route) {
    if (const int refused = send_frame(socket, zmq::message_t(route->data(), route->size()), true))
      return refused;
  }
  const bool has_payload = !message.payload.empty();
  if (const int refused = send_frame(socket, std::move(head_frame), has_payload)) return refused;
  return has_payload ? send_frame(socket, frame_of(message.payload), false) : 0;
}

}  // namespace collegium
