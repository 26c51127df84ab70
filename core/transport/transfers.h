#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "wire/blob_fetch.h"

namespace collegium {

// The blobs that one process is pulling, one a peer, with the clock that asks again for answers
// that do not come. Pure but for the messages it hands to `send`.
class Transfers {
 public:
  using Send = std::function<void(const std::string& peer, const Message& message)>;
  // Seconds without an answer: at least, and at most. Between them four times what the last answer
  // took, and twice as long each time that none came (as RFC 6298 has it for segments), since what
  // is asked for twice comes twice and makes a slow line slower.
  static constexpr double kAskAgainAfter = 10.0, kAskAgainAtMost = 60.0;

  explicit Transfers(Send send) : send_(std::move(send)) {}

  // Replaces a transfer from this peer; one of the same blob, for the same run and round, goes on
  // with what is missing. Null: it is under way; otherwise it ended at once, and why is in there.
  const BlobFetch* start(const std::string& peer, BlobFetch fetch, double now);
  // An answer; the transfer it belonged to, if any. Look at its state, and cancel() it once it has
  // ended.
  const BlobFetch* take(const std::string& peer, const Message& chunk, double now);
  void resume(const std::string& peer, double now);  // the line to this peer was lost and is back
  void cancel(const std::string& peer) { running_.erase(peer); }

  void ask_again(double now);  // whatever has waited too long
  double next_tick() const;    // when to call ask_again(); infinity: nothing waits

 private:
  struct Running {
    BlobFetch fetch;
    double asked = 0;     // last, or answered
    double answered = 0;  // last
    double patience = kAskAgainAfter;
  };
  void pump(const std::string& peer, Running& running);

  Send send_;
  std::map<std::string, Running, std::less<>> running_;
};

}  // namespace collegium
