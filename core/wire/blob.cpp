#include "wire/blob.h"

#include <algorithm>
#include <string>
#include <utility>

#include "collegium/error.h"

namespace collegium {
namespace {

std::vector<Digest> chunk_hashes(const Bytes& bytes) {
  std::vector<Digest> hashes;
  hashes.reserve((bytes.size() + kChunkSize - 1) / kChunkSize);
  for (std::size_t offset = 0; offset < bytes.size(); offset += kChunkSize)
    hashes.push_back(
        hash_bytes(bytes.view.subspan(offset, std::min(kChunkSize, bytes.size() - offset))));
  return hashes;
}

Digest hash_list(const std::vector<Digest>& hashes) {
  return hash_bytes(
      {reinterpret_cast<const std::uint8_t*>(hashes.data()), hashes.size() * sizeof(Digest)});
}

}  // namespace

std::size_t BlobId::chunks() const {
  return static_cast<std::size_t>(size / kChunkSize + (size % kChunkSize != 0));
}

Settings BlobId::to_settings() const {
  Settings settings;
  settings.set("digest", to_hex(digest));
  settings.set("size", static_cast<std::int64_t>(size));
  return settings;
}

std::optional<BlobId> BlobId::from_settings(const Settings& settings) {
  try {
    BlobId id;
    const std::int64_t size = settings.integer("size");
    if (size < 0 || !from_hex(settings.text("digest"), id.digest)) return std::nullopt;
    id.size = static_cast<std::uint64_t>(size);
    return id;
  } catch (const Error&) {
    return std::nullopt;
  }
}

Blob Blob::of(Bytes bytes) {
  Blob blob;
  blob.chunks = chunk_hashes(bytes);
  blob.id = BlobId{hash_list(blob.chunks), bytes.size()};
  blob.bytes = std::move(bytes);
  return blob;
}

Chunks::Chunks(const Bytes& whole) {
  for (std::size_t offset = 0; offset < whole.size(); offset += kChunkSize)
    parts.push_back(whole.slice(offset, std::min(kChunkSize, whole.size() - offset)));
}

std::uint64_t Chunks::size() const {
  std::uint64_t size = 0;
  for (const Bytes& part : parts) size += part.size();
  return size;
}

void Chunks::join() {
  bool together = true;
  for (std::size_t i = 1; i < parts.size(); ++i)
    together = together && parts[i].owner == parts[i - 1].owner &&
               parts[i].view.data() == parts[i - 1].view.data() + parts[i - 1].size();
  if (parts.size() < 2) return;
  const auto whole = static_cast<std::size_t>(size());
  if (together) {
    parts = {Bytes{parts[0].owner, {parts[0].view.data(), whole}}};
    return;
  }
  const auto buffer = std::make_shared_for_overwrite<std::uint8_t[]>(whole);
  for (std::size_t at = 0; Bytes & part : parts) {
    std::copy(part.view.begin(), part.view.end(), buffer.get() + at);
    at += part.size();
    part = {};
  }
  parts = {Bytes{buffer, {buffer.get(), whole}}};
}

bool matches(const BlobId& id, const Bytes& bytes) {
  return bytes.size() == id.size && hash_list(chunk_hashes(bytes)) == id.digest;
}

}  // namespace collegium
