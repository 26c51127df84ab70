// How transfers go over lines of every speed; the clock and the line are the test's own.
#include "transport/transfers.h"

#include <gtest/gtest.h>

#include <deque>

#include "wire/blob_server.h"

namespace collegium {
namespace {

constexpr std::uint64_t kRound = 1;

// A peer behind a line that carries one answer after the other, `seconds` each, and loses every
// n-th of them.
struct Line {
  explicit Line(double seconds_each, int loses_every = 0)
      : seconds(seconds_each), loses(loses_every) {
    blob = std::make_shared<const Blob>(
        Blob::of(Bytes::owning(std::vector<std::uint8_t>(kChunks * kChunkSize, 7))));
    server.announce(blob, "here", kRound);
  }

  // Until the blob is here; how many chunks were sent for it.
  int carry() {
    Transfers transfers([this](const std::string&, const Message& fetch) {
      waiting.push_back(server.answer("here", fetch));
    });
    double now = 0, arrival = seconds;
    transfers.start("peer", BlobFetch(blob->id, RunId{}, kRound, blob->id.size), now);
    while (now < 10'000) {
      if (waiting.empty() || transfers.next_tick() < arrival) {
        now = transfers.next_tick();
        const bool idle = waiting.empty();
        transfers.ask_again(now);
        if (idle) arrival = now + seconds;
        continue;
      }
      now = arrival;
      arrival = now + seconds;
      const Message answer = waiting.front();
      waiting.pop_front();
      if (++sent; loses > 0 && sent % loses == 0) continue;
      const BlobFetch* fetch = transfers.take("peer", answer, now);
      if (fetch && fetch->state() == BlobFetch::State::done) return sent;
    }
    return -1;
  }

  static constexpr int kChunks = 16;
  double seconds;
  int loses;
  int sent = 0;
  std::shared_ptr<const Blob> blob;
  BlobServer server;
  std::deque<Message> waiting;
};

TEST(Transfers, AskForNothingTwiceOnALineThatIsFastEnough) {
  EXPECT_EQ(Line(0.01).carry(), 1 + Line::kChunks);  // and the list
  EXPECT_EQ(Line(2.0).carry(), 1 + Line::kChunks);   // 4 Mbit/s
}

// Asked again every three seconds, each of these lines would carry ever more of the same.
TEST(Transfers, SoonLearnHowSlowALineIs) {
  for (const double seconds : {4.0, 8.0, 16.0, 28.0})
    EXPECT_LE(Line(seconds).carry(), 1 + Line::kChunks + 8) << seconds << " s a chunk";
}

TEST(Transfers, EndOnALineThatLosesAnswers) {
  for (const double seconds : {0.01, 2.0, 8.0}) {
    const int sent = Line(seconds, 5).carry();
    EXPECT_GT(sent, 0) << seconds;
    EXPECT_LE(sent, 6 * Line::kChunks) << seconds;
  }
}

}  // namespace
}  // namespace collegium
