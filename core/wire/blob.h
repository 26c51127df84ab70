#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/hash.h"
#include "collegium/settings.h"
#include "wire/message.h"

namespace collegium {

inline constexpr std::size_t kChunkSize = 1024 * 1024;    // best of the frame sizes measured: half the CPU of 100 MiB frames
inline constexpr std::size_t kInlineLimit = 64 * 1024;    // smaller blobs travel inside the message that names them

// The name of bulk data: the hash of the list of its 1 MiB chunks' hashes, and its size. The list travels with the
// announcement when it is short, otherwise as the first thing fetched.
struct BlobId {
  Digest digest{};
  std::uint64_t size = 0;
  bool operator==(const BlobId&) const = default;
};

// A blob in memory with its chunk hashes, ready to be served in slices without copying.
struct Blob {
  BlobId id;
  std::vector<Digest> chunks;
  Bytes bytes;

  static Blob of(Bytes bytes);
};

}  // namespace collegium
