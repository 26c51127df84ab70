#include "transport/admission.h"

#include <array>
#include <optional>
#include <string_view>
#include <vector>

namespace collegium {
namespace {

// Frames of a request: version, request id, domain, address, routing id, mechanism, credentials...
constexpr std::size_t kVersion = 0, kRequest = 1, kDomainFrame = 2, kMechanism = 5,
                      kCredentials = 6;
constexpr std::size_t kMostFrames = 16;

}  // namespace

Admission::Admission(zmq::context_t& context, const Roster& roster, bool insecure)
    : roster_(roster), insecure_(insecure), socket_(context, zmq::socket_type::rep) {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.bind("inproc://zeromq.zap.01");
}

void Admission::serve(DropCounts& refused) {
  while (true) {
    std::vector<zmq::message_t> frames;
    bool more = true;
    while (more) {
      zmq::message_t frame;
      if (!socket_.recv(frame, zmq::recv_flags::dontwait)) return;
      more = frame.more();
      if (frames.size() < kMostFrames) frames.push_back(std::move(frame));
    }
    std::optional<std::string> name;
    const auto is = [&](std::size_t at, std::string_view text) {
      return at < frames.size() && frames[at].to_string_view() == text;
    };
    if (is(kVersion, "1.0") && is(kDomainFrame, kDomain) && frames.size() > kCredentials) {
      const zmq::message_t& credentials = frames[kCredentials];
      if (!insecure_ && is(kMechanism, "CURVE") && credentials.size() == 32) {
        std::array<char, 41> key;
        zmq_z85_encode(key.data(), credentials.data<std::uint8_t>(), 32);
        if (roster_.name_of(key.data())) name = key.data();
      } else if (insecure_ && is(kMechanism, "PLAIN") &&
                 roster_.contains(credentials.to_string_view())) {
        name = credentials.to_string();
      }
    }
    if (!name) ++refused["key is not in the roster"];
    const std::string request = frames.size() > kRequest ? frames[kRequest].to_string() : "";
    const std::array<std::string, 6> reply{
        "1.0", request, name ? "200" : "400", name ? "OK" : "not in the roster", name.value_or(""),
        ""};
    for (std::size_t i = 0; i < reply.size(); ++i)
      socket_.send(zmq::buffer(reply[i]),
                   i + 1 < reply.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
  }
}

}  // namespace collegium
