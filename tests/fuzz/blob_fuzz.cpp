#include <cstring>
#include <memory>
#include <variant>

#include "fuzz/target.h"
#include "wire/blob_fetch.h"
#include "wire/blob_server.h"

namespace {

using namespace collegium;

constexpr std::uint64_t kRound = 3;
constexpr RunId kRun{1, 2, 3};

// A blob of one chunk: hashing megabytes would leave the fuzzer no time.
const std::shared_ptr<const Blob>& blob() {
  static const auto made =
      std::make_shared<const Blob>(Blob::of(Bytes::copy_of(std::vector<std::uint8_t>(300, 0x3f))));
  return made;
}

// A conversation is a row of messages: two bytes for the frame's length, two for the payload's, and
// both of them.
template <class Take>
void each_message(std::span<const std::uint8_t> input, Take&& take) {
  while (input.size() >= 4) {
    const std::size_t frame = std::min<std::size_t>(input[0] + 256u * input[1], input.size() - 4);
    const std::size_t payload =
        std::min<std::size_t>(input[2] + 256u * input[3], input.size() - 4 - frame);
    const auto result =
        decode(input.subspan(4, frame), Bytes::copy_of(input.subspan(4 + frame, payload)));
    if (const auto* message = std::get_if<Message>(&result)) take(*message);
    input = input.subspan(4 + frame + payload);
  }
}

void append(testing::FuzzInput& input, const Message& message) {
  const std::vector<std::uint8_t> frame = encode(message);
  for (const std::size_t size : {frame.size(), message.payload.size()}) {
    input.push_back(static_cast<std::uint8_t>(size));
    input.push_back(static_cast<std::uint8_t>(size >> 8));
  }
  input.insert(input.end(), frame.begin(), frame.end());
  input.insert(input.end(), message.payload.view.begin(), message.payload.view.end());
}

BlobServer server_of_it() {
  BlobServer server;
  server.announce(blob(), "guys", kRound);
  return server;
}

}  // namespace

namespace collegium::testing {

// A whole transfer: every request and every answer.
std::vector<FuzzInput> corpus() {
  const BlobServer server = server_of_it();
  BlobFetch fetch(blob()->id, kRun, kRound, 1000);
  FuzzInput requests, answers, both;
  while (fetch.state() == BlobFetch::State::fetching) {
    for (const Message& request : fetch.next()) {
      const Message answer = server.answer("guys", request);
      append(requests, request);
      append(answers, answer);
      append(both, request);
      append(both, answer);
      fetch.take(answer);
    }
  }
  return {requests, answers, both};
}

FuzzInput disguised(FuzzInput input) { return input; }

}  // namespace collegium::testing

// Whatever a peer sends: a fetch ends with the blob that its name names or not at all, and a server
// gives out nothing but slices of what was announced, to the one it was announced to.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  BlobFetch fetch(blob()->id, kRun, kRound, 1000);
  const BlobServer server = server_of_it();
  fetch.next();
  each_message({data, size}, [&](const Message& message) {
    fetch.take(message);
    fetch.next();
    if (!server.answer("a stranger", message).payload.empty()) __builtin_trap();
    const Message answer = server.answer("guys", message);
    if (!answer.payload.empty() && message.round != kRound) __builtin_trap();
    if (answer.payload.size() > kChunkSize) __builtin_trap();
    encode(answer);
  });
  if (fetch.state() == BlobFetch::State::done && !matches(blob()->id, fetch.bytes()))
    __builtin_trap();
  return 0;
}
