#include "wire/blob_fetch.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "collegium/error.h"

namespace collegium {

// A request's number is its part's: 0 for the list of hashes, i + 1 for chunk i.

BlobFetch::BlobFetch(BlobId id, RunId run, std::uint64_t round, std::uint64_t largest, Keep keep,
                     std::size_t window)
    : id_(id),
      run_(run),
      round_(round),
      keep_(keep),
      window_(1),
      most_(std::max<std::size_t>(window, 1)) {
  if (id.size > largest || id.size > kMaxBlob)
    fail("the blob has " + std::to_string(id.size) + " bytes, more than the " +
         std::to_string(std::min<std::uint64_t>(largest, kMaxBlob)) + " expected at most");
  else if (id.size == 0)
    fail("the blob is empty");
}

Message BlobFetch::request(std::int64_t offset, std::uint64_t length) {
  Message fetch;
  fetch.kind = Kind::fetch;
  fetch.run = run_;
  fetch.round = round_;
  fetch.request = offset < 0 ? 0 : static_cast<std::uint64_t>(offset) / kChunkSize + 1;
  fetch.body = id_.to_settings();
  fetch.body.set("offset", offset);
  fetch.body.set("length", static_cast<std::int64_t>(length));
  ++in_flight_;
  return fetch;
}

std::vector<Message> BlobFetch::next() {
  std::vector<Message> fetches;
  if (state_ != State::fetching) return fetches;
  if (list_ == Part::missing) {
    list_ = Part::asked;
    fetches.push_back(request(-1, id_.chunks() * sizeof(Digest)));
    return fetches;
  }
  while (in_flight_ < window_ && first_missing_ < parts_.size()) {
    const std::size_t index = first_missing_++;
    if (parts_[index] != Part::missing) continue;
    parts_[index] = Part::asked;
    fetches.push_back(request(static_cast<std::int64_t>(index * kChunkSize), length_of(index)));
  }
  return fetches;
}

BlobFetch::State BlobFetch::take(const Message& chunk) {
  if (state_ != State::fetching || chunk.kind != Kind::chunk || chunk.run != run_ ||
      chunk.round != round_)
    return state_;
  // Another transfer's answer, or one that was asked again after a lost line and has come twice.
  // One that was given up and comes after all is welcome: it is checked like every other.
  const bool is_list = chunk.request == 0;
  const std::size_t index = is_list ? 0 : static_cast<std::size_t>(chunk.request - 1);
  if (is_list ? list_ != Part::asked : index >= parts_.size() || parts_[index] == Part::here)
    return state_;
  try {
    Digest digest;
    if (!from_hex(chunk.body.text("digest", ""), digest) || digest != id_.digest) return state_;
    const std::string refused = chunk.body.text("refused", "");
    if (!refused.empty()) return fail("the peer refused: " + refused.substr(0, 200));
  } catch (const Error&) {
    return state_;
  }
  return is_list ? take_list(chunk) : take_chunk(chunk, index);
}

BlobFetch::State BlobFetch::take_list(const Message& chunk) {
  --in_flight_;
  list_ = Part::missing;
  if (chunk.payload.size() != id_.chunks() * sizeof(Digest))
    return bad("the list of chunk hashes has a wrong length");
  if (hash_bytes(chunk.payload.view) != id_.digest)
    return bad("the list of chunk hashes is not the blob's");
  try {
    hashes_.resize(id_.chunks());
    parts_.assign(id_.chunks(), Part::missing);
    if (keep_ == Keep::chunks) chunks_.resize(id_.chunks());
    if (keep_ == Keep::whole) buffer_ = std::make_shared_for_overwrite<std::uint8_t[]>(id_.size);
  } catch (const std::bad_alloc&) {
    return fail("no memory for " + std::to_string(id_.size) + " bytes");
  }
  std::memcpy(hashes_.data(), chunk.payload.view.data(), chunk.payload.size());
  list_ = Part::here;
  return state_;
}

BlobFetch::State BlobFetch::take_chunk(const Message& chunk, std::size_t index) {
  const bool was_asked = std::exchange(parts_[index], Part::missing) == Part::asked;
  if (was_asked) --in_flight_;
  first_missing_ = std::min(first_missing_, index);
  if (!was_asked && (chunk.payload.size() != length_of(index) ||
                     hash_bytes(chunk.payload.view) != hashes_[index]))
    return state_;
  if (chunk.payload.size() != length_of(index)) return bad("a chunk has a wrong length");
  if (hash_bytes(chunk.payload.view) != hashes_[index])
    return bad("a chunk is not the one its hash names");
  if (buffer_)
    std::memcpy(buffer_.get() + index * kChunkSize, chunk.payload.view.data(),
                chunk.payload.size());
  else
    chunks_[index] = chunk.payload;
  parts_[index] = Part::here;
  received_ += chunk.payload.size();
  window_ = std::min(window_ + 1, most_);
  if (++here_ == parts_.size()) state_ = State::done;
  return state_;
}

void BlobFetch::resume() {
  if (state_ != State::fetching) return;
  if (list_ == Part::asked) list_ = Part::missing;
  for (Part& part : parts_)
    if (part == Part::asked) part = Part::missing;
  first_missing_ = 0;
  in_flight_ = 0;
  window_ = 1;
}

Bytes BlobFetch::bytes() const {
  if (state_ != State::done || !buffer_) return {};
  return Bytes{buffer_, {buffer_.get(), static_cast<std::size_t>(id_.size)}};
}

Chunks BlobFetch::chunks() const {
  if (state_ != State::done) return {};
  if (buffer_) return bytes();
  Chunks chunks;
  chunks.parts = chunks_;
  return chunks;
}

BlobFetch::State BlobFetch::bad(std::string reason) {
  return ++bad_ < kBadAnswers ? state_ : fail(std::move(reason));
}

BlobFetch::State BlobFetch::fail(std::string reason) {
  reason_ = std::move(reason);
  buffer_.reset();
  chunks_.clear();
  return state_ = State::failed;
}

std::size_t BlobFetch::length_of(std::size_t index) const {
  return static_cast<std::size_t>(
      std::min<std::uint64_t>(kChunkSize, id_.size - index * kChunkSize));
}

}  // namespace collegium
