#pragma once
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/blob.h"
#include "wire/message.h"

namespace collegium {

// Answers fetches out of the blobs that were announced. Knowing a hash opens nothing: a blob is
// served only to the peers, and for the rounds, that it was announced to. Pure: the caller moves
// the messages.
class BlobServer {
 public:
  void announce(std::shared_ptr<const Blob> blob, std::string_view peer, std::uint64_t round);
  void withdraw(std::string_view peer,
                std::uint64_t round);       // what this peer was offered for this round
  void retire_before(std::uint64_t round);  // everything offered for an earlier round
  void clear() { blobs_.clear(); }

  // The `chunk` message that answers a `fetch`: a slice of the blob, the list of its chunk hashes
  // (offset -1), or a refusal with the reason in the body. Never throws, whatever the fetch says.
  Message answer(std::string_view peer, const Message& fetch) const;

  std::size_t held() const { return blobs_.size(); }  // blobs kept in memory

 private:
  struct Entry {
    std::shared_ptr<const Blob> blob;
    std::set<std::pair<std::string, std::uint64_t>, std::less<>> offered;  // (peer, round)
  };
  std::vector<Entry> blobs_;  // a handful at a time
};

}  // namespace collegium
