#include "wire/message.h"

#include <cstring>
#include <utility>

#include "collegium/error.h"

namespace collegium {
namespace {

constexpr std::uint32_t kMagic = 0x4d474c43;  // "CLGM" in the byte order of the wire

// Where each field of the header starts.
constexpr std::size_t kMagicAt = 0, kVersionAt = 4, kKindAt = 6, kFlagsAt = 7, kRunAt = 8,
                      kRoundAt = 24, kRequestAt = 32, kBodyAt = 40, kPayloadAt = 44,
                      kReservedAt = 48;

template <class T>
void put(std::uint8_t* at, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) at[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

template <class T>
T get(const std::uint8_t* at) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value | (T{at[i]} << (8 * i)));
  return value;
}

std::string where(const Message& message) {
  return "message " + std::string(name_of(message.kind)) + ", round " +
         std::to_string(message.round);
}

}  // namespace

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::join:
      return "join";
    case Kind::welcome:
      return "welcome";
    case Kind::refuse:
      return "refuse";
    case Kind::task:
      return "task";
    case Kind::fetch:
      return "fetch";
    case Kind::chunk:
      return "chunk";
    case Kind::result:
      return "result";
    case Kind::accepted:
      return "accepted";
    case Kind::rejected:
      return "rejected";
    case Kind::failed:
      return "failed";
    case Kind::ping:
      return "ping";
    case Kind::pong:
      return "pong";
    case Kind::leave:
      return "leave";
    case Kind::finished:
      return "finished";
    case Kind::secure:
      return "secure";
    case Kind::secured:
      return "secured";
  }
  return "unknown";
}

std::string_view name_of(DecodeError reason) {
  switch (reason) {
    case DecodeError::short_header:
      return "header too short";
    case DecodeError::bad_magic:
      return "not a Collegium message";
    case DecodeError::bad_version:
      return "another protocol version";
    case DecodeError::unknown_kind:
      return "unknown kind";
    case DecodeError::bad_flags:
      return "reserved bits are set";
    case DecodeError::body_too_long:
      return "body too long";
    case DecodeError::payload_too_long:
      return "payload too long";
    case DecodeError::length_mismatch:
      return "lengths disagree with the frames";
    case DecodeError::bad_body:
      return "body is not TOML";
  }
  return "unknown";
}

Bytes Bytes::copy_of(std::span<const std::uint8_t> bytes) {
  return owning(std::vector<std::uint8_t>(bytes.begin(), bytes.end()));
}

Bytes Bytes::owning(std::vector<std::uint8_t> bytes) {
  auto owner = std::make_shared<const std::vector<std::uint8_t>>(std::move(bytes));
  return Bytes{owner, std::span<const std::uint8_t>(*owner)};
}

Bytes Bytes::slice(std::size_t offset, std::size_t size) const {
  return Bytes{owner, view.subspan(offset, size)};
}

std::vector<std::uint8_t> encode(const Message& message) {
  const std::string body = message.body.keys().empty() ? std::string() : message.body.to_toml();
  if (body.size() > kMaxBody)
    throw ProtocolError(Problem{.what = "the message body is too long",
                                .where = where(message),
                                .expected = std::to_string(kMaxBody) + " bytes at most",
                                .found = std::to_string(body.size())});
  if (message.payload.size() > kMaxPayload)
    throw ProtocolError(Problem{.what = "the payload is too long",
                                .where = where(message),
                                .expected = std::to_string(kMaxPayload) + " bytes at most",
                                .found = std::to_string(message.payload.size())});
  std::vector<std::uint8_t> frame(kHeaderSize + body.size());
  std::uint8_t* header = frame.data();
  put<std::uint32_t>(header + kMagicAt, kMagic);
  put<std::uint16_t>(header + kVersionAt, kProtocolVersion);
  header[kKindAt] = static_cast<std::uint8_t>(message.kind);
  std::memcpy(header + kRunAt, message.run.data(), message.run.size());
  put<std::uint64_t>(header + kRoundAt, message.round);
  put<std::uint64_t>(header + kRequestAt, message.request);
  put<std::uint32_t>(header + kBodyAt, static_cast<std::uint32_t>(body.size()));
  put<std::uint32_t>(header + kPayloadAt, static_cast<std::uint32_t>(message.payload.size()));
  if (!body.empty()) std::memcpy(header + kHeaderSize, body.data(), body.size());
  return frame;
}

std::variant<Message, DecodeError> decode(std::span<const std::uint8_t> frame, Bytes payload) {
  if (frame.size() < kHeaderSize) return DecodeError::short_header;
  const std::uint8_t* header = frame.data();
  if (get<std::uint32_t>(header + kMagicAt) != kMagic) return DecodeError::bad_magic;
  if (get<std::uint16_t>(header + kVersionAt) != kProtocolVersion) return DecodeError::bad_version;
  const std::uint8_t kind = header[kKindAt];
  if (kind < static_cast<std::uint8_t>(Kind::join) ||
      kind > static_cast<std::uint8_t>(Kind::secured))
    return DecodeError::unknown_kind;
  if (header[kFlagsAt] != 0) return DecodeError::bad_flags;
  for (std::size_t i = kReservedAt; i < kHeaderSize; ++i)
    if (header[i] != 0) return DecodeError::bad_flags;
  const std::size_t body_size = get<std::uint32_t>(header + kBodyAt);
  const std::size_t payload_size = get<std::uint32_t>(header + kPayloadAt);
  if (body_size > kMaxBody) return DecodeError::body_too_long;
  if (payload_size > kMaxPayload) return DecodeError::payload_too_long;
  if (frame.size() - kHeaderSize != body_size || payload.size() != payload_size)
    return DecodeError::length_mismatch;

  try {
    Message message;
    message.kind = static_cast<Kind>(kind);
    std::memcpy(message.run.data(), header + kRunAt, message.run.size());
    message.round = get<std::uint64_t>(header + kRoundAt);
    message.request = get<std::uint64_t>(header + kRequestAt);
    if (body_size > 0) {
      const auto* text = reinterpret_cast<const char*>(header + kHeaderSize);
      message.body = Settings::parse(std::string_view(text, body_size), "message");
    }
    message.payload = std::move(payload);
    return message;
  } catch (const std::exception&) {
    return DecodeError::bad_body;
  }
}

}  // namespace collegium
