#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "wire/blob.h"
#include "wire/message.h"

namespace collegium {

// Pulls one blob: first the list of its chunk hashes (checked against the blob's own name), then
// the chunks, each checked on arrival, at most `window` unanswered at a time: one at first, one
// more with every answer, and one again after answers that did not come, so that a slow line is not
// filled with what nobody waits for any more (Jacobson 1988, slow start). After a lost line it
// goes on with what is missing. Memory: the blob's size, taken only after the size was found to be
// at most `largest` and the list true. Pure: the caller sends what next() returns and hands over
// what arrives.
class BlobFetch {
 public:
  static constexpr std::size_t kWindow = 8;
  static constexpr int kBadAnswers = 3;  // so many false chunks end the transfer

  enum class State { fetching, done, failed };
  enum class Keep { whole, chunks };  // in one buffer, or in the messages that they came in

  // `round` and `run` go into every request. A size above `largest` or above kMaxBlob fails at
  // once.
  BlobFetch(BlobId id, RunId run, std::uint64_t round, std::uint64_t largest,
            Keep keep = Keep::whole, std::size_t window = kWindow);

  std::vector<Message> next();  // the fetches to send now; empty when the window is full
  State take(
      const Message& chunk);  // an answer; one that nobody waits for changes nothing. Never throws.
  void resume();              // the line was lost: next() asks again for everything unanswered

  State state() const { return state_; }
  const std::string& reason() const { return reason_; }   // why it failed
  bool corrupted() const { return bad_ >= kBadAnswers; }  // it failed because the bytes were false
  const BlobId& id() const { return id_; }
  // Whether both fetch the same blob for the same run and round.
  bool same_as(const BlobFetch& other) const {
    return id_ == other.id_ && run_ == other.run_ && round_ == other.round_;
  }
  std::uint64_t received() const { return received_; }  // verified bytes so far
  Bytes bytes() const;                                  // the whole blob once done
  Chunks chunks() const;                                // the same in pieces

 private:
  enum class Part : std::uint8_t { missing, asked, here };

  Message request(std::int64_t offset, std::uint64_t length);
  State take_list(const Message& chunk);
  State take_chunk(const Message& chunk, std::size_t index);
  State bad(std::string reason);
  State fail(std::string reason);
  std::size_t length_of(std::size_t index) const;

  BlobId id_;
  RunId run_;
  std::uint64_t round_;
  Keep keep_;
  std::size_t window_, most_;
  State state_ = State::fetching;
  std::string reason_;
  Part list_ = Part::missing;
  std::vector<Digest> hashes_;
  std::vector<Part> parts_;
  std::shared_ptr<std::uint8_t[]> buffer_;  // Keep::whole
  std::vector<Bytes> chunks_;               // Keep::chunks
  std::uint64_t received_ = 0;
  std::size_t here_ = 0;
  std::size_t in_flight_ = 0;
  std::size_t first_missing_ = 0;  // no part before it is missing
  int bad_ = 0;
};

}  // namespace collegium
