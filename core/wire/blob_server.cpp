#include "wire/blob_server.h"

#include <algorithm>

#include "collegium/error.h"

namespace collegium {
namespace {

Message refusal(Message answer, const char* reason) {
  answer.body.set("refused", reason);
  return answer;
}

}  // namespace

void BlobServer::announce(std::shared_ptr<const Blob> blob, std::string_view peer,
                          std::uint64_t round) {
  auto entry = std::find_if(blobs_.begin(), blobs_.end(),
                            [&](const Entry& e) { return e.blob->id == blob->id; });
  if (entry == blobs_.end()) entry = blobs_.insert(entry, Entry{std::move(blob), {}});
  entry->offered.emplace(peer, round);
}

void BlobServer::withdraw(std::string_view peer, std::uint64_t round) {
  for (Entry& entry : blobs_) entry.offered.erase(std::pair(std::string(peer), round));
  std::erase_if(blobs_, [](const Entry& entry) { return entry.offered.empty(); });
}

void BlobServer::retire_before(std::uint64_t round) {
  for (Entry& entry : blobs_)
    std::erase_if(entry.offered, [&](const auto& offer) { return offer.second < round; });
  std::erase_if(blobs_, [](const Entry& entry) { return entry.offered.empty(); });
}

Message BlobServer::answer(std::string_view peer, const Message& fetch) const {
  Message answer;
  answer.kind = Kind::chunk;
  answer.run = fetch.run;
  answer.round = fetch.round;
  answer.request = fetch.request;
  const auto id = BlobId::from_settings(fetch.body);
  if (!id) return refusal(std::move(answer), "the request names no blob");
  answer.body.set("digest", to_hex(id->digest));

  std::int64_t offset = 0;
  std::int64_t length = 0;
  try {
    offset = fetch.body.integer("offset");
    length = fetch.body.integer("length");
  } catch (const Error&) {
    return refusal(std::move(answer), "the request names no range");
  }
  answer.body.set("offset", offset);

  const auto entry =
      std::find_if(blobs_.begin(), blobs_.end(), [&](const Entry& e) { return e.blob->id == *id; });
  if (entry == blobs_.end() || !entry->offered.contains(std::pair(std::string(peer), fetch.round)))
    return refusal(std::move(answer), "this blob was not announced to you for this round");

  const Blob& blob = *entry->blob;
  if (offset == -1) {
    const auto* list = reinterpret_cast<const std::uint8_t*>(blob.chunks.data());
    answer.payload = Bytes{entry->blob, {list, blob.chunks.size() * sizeof(Digest)}};
    return answer;
  }
  const auto start = static_cast<std::uint64_t>(offset);
  if (offset < 0 || length <= 0 || static_cast<std::uint64_t>(length) > kChunkSize ||
      start >= id->size || static_cast<std::uint64_t>(length) > id->size - start)
    return refusal(std::move(answer), "the range lies outside the blob");
  answer.payload = blob.bytes.slice(start, static_cast<std::size_t>(length));
  return answer;
}

}  // namespace collegium
