#include <cstring>
#include <variant>

#include "collegium/error.h"
#include "fuzz/target.h"
#include "wire/message.h"

namespace {

using namespace collegium;

// Two bytes say how long the first frame is; the rest is the second.
std::variant<Message, DecodeError> decoded(std::span<const std::uint8_t> input) {
  const std::size_t wanted = input.size() < 2 ? 0 : input[0] + 256u * input[1];
  const auto frames = input.subspan(std::min<std::size_t>(2, input.size()));
  const auto first = frames.first(std::min(wanted, frames.size()));
  return decode(first, Bytes::copy_of(frames.subspan(first.size())));
}

testing::FuzzInput frames_of(const Message& message) {
  const std::vector<std::uint8_t> frame = encode(message);
  testing::FuzzInput input{static_cast<std::uint8_t>(frame.size()),
                           static_cast<std::uint8_t>(frame.size() >> 8)};
  input.insert(input.end(), frame.begin(), frame.end());
  input.insert(input.end(), message.payload.view.begin(), message.payload.view.end());
  return input;
}

bool same(const Message& a, const Message& b) {
  return a.kind == b.kind && a.run == b.run && a.round == b.round && a.request == b.request &&
         a.body.to_toml() == b.body.to_toml() && a.payload.size() == b.payload.size();
}

}  // namespace

namespace collegium::testing {

std::vector<FuzzInput> corpus() {
  std::vector<FuzzInput> inputs;
  for (auto kind = static_cast<int>(Kind::join); kind <= static_cast<int>(Kind::secured); ++kind) {
    Message message;
    message.kind = static_cast<Kind>(kind);
    message.round = 3;
    inputs.push_back(frames_of(message));
    message.body.set("weight", 2.5);
    message.body.set("reason", "a line \"in quotes\"\n");
    message.body.set("metrics", std::vector<double>{1, 2.5});
    message.payload = Bytes::copy_of(std::vector<std::uint8_t>(40, 0x3f));
    inputs.push_back(frames_of(message));
  }
  return inputs;
}

// With the lengths that its frames have: else most mutations would fail at that check.
FuzzInput disguised(FuzzInput input) {
  constexpr std::size_t kBodyAt = 2 + 40, kPayloadAt = 2 + 44;
  if (input.size() < 2 + kHeaderSize) return input;
  const std::size_t frame = input[0] + 256u * input[1];
  if (frame < kHeaderSize || frame > input.size() - 2) return input;
  const auto put = [&](std::size_t at, std::size_t value) {
    for (std::size_t i = 0; i < 4; ++i) input[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
  };
  put(kBodyAt, frame - kHeaderSize);
  put(kPayloadAt, input.size() - 2 - frame);
  return input;
}

}  // namespace collegium::testing

// Any frames are either a message, the same after another way over the wire, or a reason to drop
// them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto result = decoded({data, size});
  const auto* message = std::get_if<Message>(&result);
  if (!message) return 0;
  try {
    const auto again = decode(encode(*message), message->payload);
    if (!std::holds_alternative<Message>(again) || !same(*message, std::get<Message>(again)))
      __builtin_trap();
  } catch (const ProtocolError&) {  // the body grows past its bound when it is written our way
  }
  return 0;
}
