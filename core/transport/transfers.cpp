#include "transport/transfers.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace collegium {

const BlobFetch* Transfers::start(const std::string& peer, BlobFetch fetch, double now) {
  if (const auto found = running_.find(peer);
      found != running_.end() && found->second.fetch.same_as(fetch)) {
    resume(peer, now);
    return nullptr;
  }
  Running& running =
      running_.insert_or_assign(peer, Running{std::move(fetch), now, now}).first->second;
  if (running.fetch.state() != BlobFetch::State::fetching) return &running.fetch;
  pump(peer, running);
  return nullptr;
}

const BlobFetch* Transfers::take(const std::string& peer, const Message& chunk, double now) {
  const auto found = running_.find(peer);
  if (found == running_.end()) return nullptr;
  Running& running = found->second;
  const std::uint64_t before = running.fetch.received();
  const bool fetching = running.fetch.take(chunk) == BlobFetch::State::fetching;
  if (running.fetch.received() != before || before == 0) {
    running.patience = std::clamp(4 * (now - running.answered), kAskAgainAfter, kAskAgainAtMost);
    running.asked = running.answered = now;
  }
  if (fetching) pump(peer, running);
  return &running.fetch;
}

void Transfers::resume(const std::string& peer, double now) {
  const auto found = running_.find(peer);
  if (found == running_.end()) return;
  found->second.fetch.resume();
  found->second.asked = found->second.answered = now;
  pump(peer, found->second);
}

void Transfers::ask_again(double now) {
  for (auto& [peer, running] : running_) {
    if (now < running.asked + running.patience) continue;
    running.fetch.resume();
    running.asked = now;
    running.patience = std::min(2 * running.patience, kAskAgainAtMost);
    pump(peer, running);
  }
}

double Transfers::next_tick() const {
  double next = std::numeric_limits<double>::infinity();
  for (const auto& [peer, running] : running_)
    next = std::min(next, running.asked + running.patience);
  return next;
}

void Transfers::pump(const std::string& peer, Running& running) {
  for (const Message& message : running.fetch.next()) send_(peer, message);
}

}  // namespace collegium
