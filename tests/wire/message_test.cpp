#include "wire/message.h"

#include <gmock/gmock.h>

#include <map>
#include <random>
#include <string>

#include "collegium/error.h"

namespace collegium {
namespace {

Message example() {
  Message message;
  message.kind = Kind::result;
  for (std::size_t i = 0; i < message.run.size(); ++i)
    message.run[i] = static_cast<std::uint8_t>(17 * i + 1);
  message.round = 0x0102030405060708;
  message.request = 42;
  message.body.set("weight", 12.5);
  message.body.set("note", "three subjects were left out");
  message.payload = Bytes::owning({1, 2, 3, 4, 5});
  return message;
}

Message decoded(const std::vector<std::uint8_t>& frame, const Bytes& payload) {
  auto result = decode(frame, payload);
  EXPECT_TRUE(std::holds_alternative<Message>(result));
  return std::get<Message>(std::move(result));
}

DecodeError refusal(const std::vector<std::uint8_t>& frame, const Bytes& payload) {
  const auto result = decode(frame, payload);
  EXPECT_TRUE(std::holds_alternative<DecodeError>(result));
  return std::get<DecodeError>(result);
}

TEST(Message, ComesBackAsItWasSent) {
  const Message sent = example();
  const Message back = decoded(encode(sent), sent.payload);
  EXPECT_EQ(back.kind, sent.kind);
  EXPECT_EQ(back.run, sent.run);
  EXPECT_EQ(back.round, sent.round);
  EXPECT_EQ(back.request, sent.request);
  EXPECT_EQ(back.body.number("weight"), 12.5);
  EXPECT_EQ(back.body.text("note"), "three subjects were left out");
  EXPECT_EQ(back.payload.view.data(), sent.payload.view.data()) << "payloads are not copied";
}

TEST(Message, HasTheHeaderThatTheProtocolPageShows) {
  const std::vector<std::uint8_t> frame = encode(example());
  ASSERT_GT(frame.size(), kHeaderSize);
  EXPECT_EQ(std::string(frame.begin(), frame.begin() + 4), "CLGM");
  EXPECT_EQ(frame[4], 1);
  EXPECT_EQ(frame[5], 0);
  EXPECT_EQ(frame[6], 7) << "result";
  EXPECT_EQ(frame[7], 0);
  EXPECT_EQ(frame[8], 1) << "the run starts here";
  EXPECT_EQ(frame[24], 8) << "the round, least significant byte first";
  EXPECT_EQ(frame[31], 1);
  EXPECT_EQ(frame[32], 42);
  EXPECT_EQ(frame[40] + 256u * frame[41], frame.size() - kHeaderSize) << "body length";
  EXPECT_EQ(frame[44], 5) << "payload length";
  for (std::size_t i = 48; i < kHeaderSize; ++i) EXPECT_EQ(frame[i], 0);
}

TEST(Message, WithoutBodyAndPayloadIsTheHeaderAlone) {
  const std::vector<std::uint8_t> frame = encode(Message{});
  EXPECT_EQ(frame.size(), kHeaderSize);
  EXPECT_EQ(decoded(frame, {}).kind, Kind::ping);
}

TEST(Message, EveryKindTravels) {
  for (int kind = 1; kind <= 14; ++kind) {
    Message message;
    message.kind = static_cast<Kind>(kind);
    EXPECT_EQ(decoded(encode(message), {}).kind, message.kind);
    EXPECT_NE(name_of(message.kind), "unknown");
  }
}

TEST(Message, EveryTruncationIsRefused) {
  const Message message = example();
  const std::vector<std::uint8_t> frame = encode(message);
  for (std::size_t size = 0; size < frame.size(); ++size) {
    const std::vector<std::uint8_t> cut(frame.begin(),
                                        frame.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(refusal(cut, message.payload),
              size < kHeaderSize ? DecodeError::short_header : DecodeError::length_mismatch);
  }
  EXPECT_EQ(refusal(frame, message.payload.slice(0, 4)), DecodeError::length_mismatch);
  EXPECT_EQ(refusal(frame, {}), DecodeError::length_mismatch);
}

TEST(Message, EachFieldIsRefusedByItsOwnReason) {
  const Message message = example();
  const std::vector<std::uint8_t> good = encode(message);
  const auto with = [&](std::size_t at, std::uint8_t value) {
    auto frame = good;
    frame[at] = value;
    return refusal(frame, message.payload);
  };
  EXPECT_EQ(with(0, 'X'), DecodeError::bad_magic);
  EXPECT_EQ(with(4, 2), DecodeError::bad_version);
  EXPECT_EQ(with(6, 0), DecodeError::unknown_kind);
  EXPECT_EQ(with(6, 17), DecodeError::unknown_kind);
  EXPECT_EQ(with(7, 1), DecodeError::bad_flags);
  EXPECT_EQ(with(63, 1), DecodeError::bad_flags);
  EXPECT_EQ(with(43, 0x7f), DecodeError::body_too_long);
  EXPECT_EQ(with(47, 0x7f), DecodeError::payload_too_long);
  EXPECT_EQ(with(40, static_cast<std::uint8_t>(good[40] + 1)), DecodeError::length_mismatch);
  EXPECT_EQ(with(kHeaderSize, '='), DecodeError::bad_body);
}

TEST(Message, DeepNestingInABodyIsRefused) {
  std::string body = "a=";
  body.append(2000, '[');
  body.append(2000, ']');
  std::vector<std::uint8_t> frame = encode(Message{});
  frame[40] = static_cast<std::uint8_t>(body.size() & 255);
  frame[41] = static_cast<std::uint8_t>(body.size() >> 8);
  frame.insert(frame.end(), body.begin(), body.end());
  EXPECT_EQ(refusal(frame, {}), DecodeError::bad_body);
}

TEST(Message, SendersLearnOfTheirOwnOversizedBody) {
  Message message;
  message.body.set("text", std::string(kMaxBody, 'x'));
  EXPECT_THROW(encode(message), ProtocolError);
  message.body = {};
  message.payload = Bytes::owning(std::vector<std::uint8_t>(kMaxPayload + 1));
  EXPECT_THROW(encode(message), ProtocolError);
}

// Whatever bytes come, decode answers with a message or a reason; a message it accepts can be
// encoded again.
TEST(Message, RandomMutationsNeverCrash) {
  std::mt19937 random(20240711);
  const Message message = example();
  const std::vector<std::uint8_t> good = encode(message);
  std::map<DecodeError, int> reasons;
  int taken = 0;
  for (int i = 0; i < 20000; ++i) {
    auto frame = good;
    for (unsigned edits = 1 + random() % 4; edits > 0; --edits) {
      switch (random() % 4) {
        case 0:
          frame[random() % frame.size()] = static_cast<std::uint8_t>(random());
          break;
        case 1:
          frame[random() % frame.size()] ^= static_cast<std::uint8_t>(1u << random() % 8);
          break;
        case 2:
          frame.insert(frame.begin() + random() % frame.size(),
                       static_cast<std::uint8_t>(random()));
          break;
        default:
          if (frame.size() > 1) frame.erase(frame.begin() + random() % frame.size());
      }
    }
    const auto result = decode(frame, message.payload);
    if (const auto* accepted = std::get_if<Message>(&result)) {
      ++taken;
      EXPECT_NO_THROW(encode(*accepted));
    } else {
      ++reasons[std::get<DecodeError>(result)];
    }
  }
  EXPECT_GT(taken, 0) << "a changed round number is still a message";
  EXPECT_GE(reasons.size(), 6u) << "the mutations reach most checks";
}

TEST(Message, RandomBytesAreNeverTaken) {
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    std::vector<std::uint8_t> frame(random() % 300);
    for (auto& byte : frame) byte = static_cast<std::uint8_t>(random());
    EXPECT_TRUE(std::holds_alternative<DecodeError>(decode(frame, {})));
  }
}

TEST(RunId, IsWrittenAsHexAndReadBack) {
  RunId run{};
  run[0] = 0xab;
  run[15] = 0x01;
  EXPECT_EQ(to_hex(run), "ab000000000000000000000000000001");
  RunId back{};
  EXPECT_TRUE(from_hex(to_hex(run), back));
  EXPECT_EQ(back, run);
  EXPECT_FALSE(from_hex("ab", back));
  EXPECT_FALSE(from_hex(std::string(32, 'g'), back));
  EXPECT_EQ(back, run) << "a refused text leaves the run alone";
}

}  // namespace
}  // namespace collegium
