#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "collegium/settings.h"
#include "wire/message.h"

namespace collegium {

// Best of the frame sizes measured: half the CPU of 100 MiB frames.
inline constexpr std::size_t kChunkSize = 1024 * 1024;
// Smaller blobs travel inside the message that names them.
inline constexpr std::size_t kInlineLimit = 64 * 1024;
// The list of chunk hashes has to fit one payload.
inline constexpr std::uint64_t kMaxBlob =
    (kMaxPayload / sizeof(Digest)) * std::uint64_t{kChunkSize};

// The name of bulk data: the hash of the list of its 1 MiB chunks' hashes, and its size.
struct BlobId {
  Digest digest{};
  std::uint64_t size = 0;
  bool operator==(const BlobId&) const = default;

  std::size_t chunks() const;    // how many; an empty blob has none
  Settings to_settings() const;  // {digest = hex, size = n}
  static std::optional<BlobId> from_settings(
      const Settings& settings);  // empty: not a blob id. Never throws.
};

// A blob in memory with its chunk hashes, ready to be served in slices without copying.
struct Blob {
  BlobId id;
  std::vector<Digest> chunks;
  Bytes bytes;

  static Blob of(Bytes bytes);
};

// A blob's bytes in pieces of 1 MiB, so that a reader can let go of each once it is done with it.
struct Chunks {
  std::vector<Bytes> parts;  // kChunkSize each; the last one may be shorter

  Chunks() = default;
  Chunks(const Bytes& whole);  // slices of it
  std::uint64_t size() const;
  bool empty() const { return parts.empty(); }
  void join();  // into one part; parts that lie in one buffer are not copied
};

// Whether the bytes are the ones that the id names.
bool matches(const BlobId& id, const Bytes& bytes);

}  // namespace collegium
