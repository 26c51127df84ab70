#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/hash.h"
#include "collegium/settings.h"

namespace collegium {

// One frame group on the wire: a fixed 64-byte little-endian header, a TOML body, an optional
// payload. docs/protocol.md is the same in words. Every message is idempotent: a repeat changes
// nothing.
enum class Kind : std::uint8_t {
  join = 1,  // site: software and protocol version, layout hash if known
  welcome,   // coordinator: the run, its instructions
  refuse,    // coordinator: why this site cannot take part
  task,      // coordinator: round, what to do, the model's blob
  fetch,     // either: blob, offset, length, credit
  chunk,     // either: bytes of a blob (payload), offset
  result,    // site: round, metrics, steps, weight, the update's blob
  accepted,  // coordinator: the result counts
  rejected,  // coordinator: the result does not count, and why
  failed,    // site: the task could not be done, and why
  ping,
  pong,
  leave,     // site: a clean goodbye
  finished,  // coordinator: the run has ended; the final model's blob
  secure,    // coordinator: a step of secure aggregation (payload)
  secured    // site: its answer (payload, or the masked update's blob)
};
std::string_view name_of(Kind kind);

using RunId = std::array<std::uint8_t, 16>;

inline constexpr std::uint32_t kProtocolVersion = 1;
inline constexpr std::size_t kHeaderSize = 64;
inline constexpr std::size_t kMaxBody = 64 * 1024;
inline constexpr std::size_t kMaxPayload = 1024 * 1024;  // one chunk, or an inline blob

// Bytes that are shared, not copied: a slice of a buffer that stays alive as long as somebody holds
// the slice.
struct Bytes {
  std::shared_ptr<const void> owner;
  std::span<const std::uint8_t> view;

  static Bytes copy_of(std::span<const std::uint8_t> bytes);
  static Bytes owning(std::vector<std::uint8_t> bytes);
  Bytes slice(std::size_t offset, std::size_t size) const;
  std::size_t size() const { return view.size(); }
  bool empty() const { return view.empty(); }
};

struct Message {
  Kind kind = Kind::ping;
  RunId run{};
  std::uint64_t round = 0;
  std::uint64_t request = 0;  // chosen by the asker, repeated in the answer
  Settings body;
  Bytes payload;
};

// Why bytes were not taken for a message. Counted by reason, never thrown.
enum class DecodeError : std::uint8_t {
  short_header,
  bad_magic,
  bad_version,
  unknown_kind,
  bad_flags,
  body_too_long,
  payload_too_long,
  length_mismatch,
  bad_body
};
std::string_view name_of(DecodeError reason);

// The header and body as one frame; the payload travels as the next frame, uncopied. Throws
// ProtocolError when the body or the payload is larger than the protocol carries: that is the
// sender's own mistake.
std::vector<std::uint8_t> encode(const Message& message);
// `payload` is empty when the message has none. Never throws, never allocates from a length it has
// not checked.
std::variant<Message, DecodeError> decode(std::span<const std::uint8_t> frame, Bytes payload);

}  // namespace collegium
