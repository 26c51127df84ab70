#include "wire/blob.h"

#include <gmock/gmock.h>

#include <deque>
#include <memory>
#include <numeric>
#include <random>

#include "wire/blob_fetch.h"
#include "wire/blob_server.h"

namespace collegium {
namespace {

constexpr std::uint64_t kRound = 3;
const RunId kRun{1, 2, 3};

std::shared_ptr<const Blob> blob_of(std::size_t size, unsigned seed = 1) {
  std::vector<std::uint8_t> bytes(size);
  std::mt19937 random(seed);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return std::make_shared<const Blob>(Blob::of(Bytes::owning(std::move(bytes))));
}

BlobServer serving(const std::shared_ptr<const Blob>& blob) {
  BlobServer server;
  server.announce(blob, "guys", kRound);
  return server;
}

bool same(const Bytes& a, const Bytes& b) {
  return std::equal(a.view.begin(), a.view.end(), b.view.begin(), b.view.end());
}

// Runs a transfer to its end; answers come in the order asked for.
BlobFetch::State transfer(BlobFetch& fetch, const BlobServer& server,
                          std::string_view peer = "guys") {
  std::deque<Message> asked;
  while (fetch.state() == BlobFetch::State::fetching) {
    for (Message& message : fetch.next()) asked.push_back(std::move(message));
    if (asked.empty()) break;
    fetch.take(server.answer(peer, asked.front()));
    asked.pop_front();
  }
  return fetch.state();
}

TEST(Blob, NameIsTheHashOfTheListOfChunkHashes) {
  const auto blob = blob_of(kChunkSize + 10);
  ASSERT_EQ(blob->chunks.size(), 2u);
  EXPECT_EQ(blob->chunks[0], hash_bytes(blob->bytes.view.subspan(0, kChunkSize)));
  EXPECT_EQ(blob->chunks[1], hash_bytes(blob->bytes.view.subspan(kChunkSize)));
  Hasher list;
  list.add(std::span<const std::uint8_t>(blob->chunks[0]));
  list.add(std::span<const std::uint8_t>(blob->chunks[1]));
  EXPECT_EQ(blob->id.digest, list.finish());
  EXPECT_EQ(blob->id.size, kChunkSize + 10);
  EXPECT_TRUE(matches(blob->id, blob->bytes));
  EXPECT_FALSE(matches(blob->id, blob->bytes.slice(0, kChunkSize)));
}

TEST(BlobId, TravelsInABody) {
  const BlobId id = blob_of(100)->id;
  EXPECT_EQ(BlobId::from_settings(id.to_settings()), id);
  EXPECT_FALSE(BlobId::from_settings(Settings{}));
  Settings wrong = id.to_settings();
  wrong.set("size", -1);
  EXPECT_FALSE(BlobId::from_settings(wrong));
  wrong.set("size", "many");
  EXPECT_FALSE(BlobId::from_settings(wrong));
}

class Transfer : public testing::TestWithParam<std::size_t> {};

TEST_P(Transfer, BringsTheSameBytes) {
  const auto blob = blob_of(GetParam());
  BlobFetch fetch(blob->id, kRun, kRound, GetParam());
  EXPECT_EQ(transfer(fetch, serving(blob)), BlobFetch::State::done);
  EXPECT_TRUE(same(fetch.bytes(), blob->bytes));
  EXPECT_EQ(fetch.received(), GetParam());
}

INSTANTIATE_TEST_SUITE_P(Sizes, Transfer,
                         testing::Values(1, 40, kChunkSize - 1, kChunkSize, kChunkSize + 1,
                                         11 * kChunkSize + 5));

TEST(BlobFetch, AsksForTheListFirstAndThenNeverForMoreThanItsWindow) {
  const auto blob = blob_of(12 * kChunkSize);
  const BlobServer server = serving(blob);
  BlobFetch fetch(blob->id, kRun, kRound, blob->id.size, BlobFetch::Keep::whole, 4);
  auto asked = fetch.next();
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].body.integer("offset"), -1);
  EXPECT_TRUE(fetch.next().empty());
  std::vector<std::size_t> sizes;
  for (int answers = 0; answers < 6; ++answers) {  // one more with every answer, four at most
    const Message answered = asked.front();
    asked.erase(asked.begin());
    fetch.take(server.answer("guys", answered));
    for (Message& one : fetch.next()) asked.push_back(std::move(one));
    EXPECT_TRUE(fetch.next().empty());
    sizes.push_back(asked.size());
  }
  EXPECT_THAT(sizes, testing::ElementsAre(1, 2, 3, 4, 4, 4));
}

TEST(BlobFetch, GoesOnWithWhatIsMissingAfterALostLine) {
  const auto blob = blob_of(6 * kChunkSize);
  const BlobServer server = serving(blob);
  BlobFetch fetch(blob->id, kRun, kRound, blob->id.size, BlobFetch::Keep::whole, 4);
  fetch.take(server.answer("guys", fetch.next().at(0)));
  fetch.take(server.answer("guys", fetch.next().at(0)));
  const auto asked = fetch.next();  // chunks 1 and 2
  ASSERT_EQ(asked.size(), 2u);
  fetch.resume();
  const auto again = fetch.next();
  ASSERT_EQ(again.size(), 1u) << "slowly again";
  EXPECT_EQ(again[0].body.integer("offset"), std::int64_t{kChunkSize});
  fetch.take(server.answer("guys", asked[1]));  // the old answers arrive after all
  fetch.take(server.answer("guys", asked[0]));
  EXPECT_EQ(fetch.received(), 3 * kChunkSize);
  fetch.take(server.answer("guys", asked[0]));
  EXPECT_EQ(fetch.received(), 3 * kChunkSize) << "a repeat changes nothing";
  fetch.resume();
  EXPECT_EQ(transfer(fetch, server), BlobFetch::State::done);
  EXPECT_TRUE(same(fetch.bytes(), blob->bytes));
}

TEST(BlobFetch, ALostListIsAskedForAgain) {
  const auto blob = blob_of(10);
  BlobFetch fetch(blob->id, kRun, kRound, 10);
  EXPECT_EQ(fetch.next().size(), 1u);
  EXPECT_TRUE(fetch.next().empty());
  fetch.resume();
  EXPECT_EQ(transfer(fetch, serving(blob)), BlobFetch::State::done);
}

TEST(BlobFetch, RefusesASizeAboveTheExpectedBeforeAskingForAnything) {
  const auto blob = blob_of(1000);
  BlobFetch fetch(blob->id, kRun, kRound, 999);
  EXPECT_EQ(fetch.state(), BlobFetch::State::failed);
  EXPECT_THAT(fetch.reason(), testing::HasSubstr("1000"));
  EXPECT_TRUE(fetch.next().empty());
  BlobFetch huge(BlobId{blob->id.digest, ~std::uint64_t{0}}, kRun, kRound, ~std::uint64_t{0});
  EXPECT_EQ(huge.state(), BlobFetch::State::failed);
}

TEST(BlobFetch, ABadChunkIsAskedForAgainAndAPeerThatKeepsSendingThemIsGivenUp) {
  const auto blob = blob_of(kChunkSize);
  const BlobServer server = serving(blob);
  BlobFetch fetch(blob->id, kRun, kRound, blob->id.size);
  fetch.take(server.answer("guys", fetch.next().at(0)));
  std::vector<Message> asked = fetch.next();
  for (int i = 0; i < BlobFetch::kBadAnswers; ++i) {
    EXPECT_EQ(fetch.state(), BlobFetch::State::fetching);
    Message answer = server.answer("guys", asked.at(0));
    std::vector<std::uint8_t> bytes(answer.payload.view.begin(), answer.payload.view.end());
    bytes[77] ^= 1;
    answer.payload = Bytes::owning(std::move(bytes));
    fetch.take(answer);
    asked = fetch.next();
  }
  EXPECT_EQ(fetch.state(), BlobFetch::State::failed);
  EXPECT_EQ(fetch.received(), 0u);
  EXPECT_TRUE(fetch.bytes().empty());
}

TEST(BlobFetch, OneBadChunkAmongGoodOnesIsFoundAndIsAllThatIsAskedForAgain) {
  const auto blob = blob_of(8 * kChunkSize);
  const BlobServer server = serving(blob);
  BlobFetch fetch(blob->id, kRun, kRound, blob->id.size, BlobFetch::Keep::chunks);
  fetch.take(server.answer("guys", fetch.next().at(0)));
  std::vector<Message> again;
  for (std::vector<Message> round = fetch.next(); !round.empty(); round = fetch.next()) {
    for (const Message& asked : round) {
      Message answer = server.answer("guys", asked);
      if (asked.body.integer("offset") == 3 * std::int64_t{kChunkSize}) {
        again.push_back(asked);
        if (again.size() > 1) continue;
        std::vector<std::uint8_t> bytes(answer.payload.view.begin(), answer.payload.view.end());
        bytes.back() ^= 128;
        answer.payload = Bytes::owning(std::move(bytes));
      }
      fetch.take(answer);
    }
  }
  EXPECT_EQ(fetch.received(), 7 * kChunkSize);
  ASSERT_EQ(again.size(), 2u);
  EXPECT_TRUE(fetch.chunks().empty());
  EXPECT_EQ(fetch.take(server.answer("guys", again[1])), BlobFetch::State::done);
  const Chunks chunks = fetch.chunks();
  ASSERT_EQ(chunks.parts.size(), 8u);
  EXPECT_EQ(chunks.size(), blob->id.size);
  for (std::size_t i = 0; i < 8; ++i)
    EXPECT_TRUE(same(chunks.parts[i], blob->bytes.slice(i * kChunkSize, kChunkSize)));
}

TEST(Chunks, OfOneBufferAreJoinedWithoutACopyAndOthersWithOne) {
  const auto blob = blob_of(2 * kChunkSize + 5);
  Chunks slices(blob->bytes);
  ASSERT_EQ(slices.parts.size(), 3u);
  EXPECT_EQ(slices.parts[2].size(), 5u);
  slices.join();
  ASSERT_EQ(slices.parts.size(), 1u);
  EXPECT_EQ(slices.parts[0].view.data(), blob->bytes.view.data());
  Chunks apart(blob->bytes);
  apart.parts[1] = Bytes::copy_of(apart.parts[1].view);
  apart.join();
  ASSERT_EQ(apart.parts.size(), 1u);
  EXPECT_TRUE(same(apart.parts[0], blob->bytes));
}

TEST(BlobFetch, AListThatIsNotTheBlobsIsNotBelieved) {
  const auto blob = blob_of(2 * kChunkSize);
  const auto other = blob_of(2 * kChunkSize, 2);
  BlobFetch fetch(blob->id, kRun, kRound, blob->id.size);
  for (int i = 0; i < BlobFetch::kBadAnswers; ++i) {
    Message answer = serving(blob).answer("guys", fetch.next().at(0));
    answer.payload =
        Bytes{other, {reinterpret_cast<const std::uint8_t*>(other->chunks.data()), 64}};
    fetch.take(answer);
  }
  EXPECT_EQ(fetch.state(), BlobFetch::State::failed);
}

TEST(BlobFetch, ARefusalEndsIt) {
  const auto blob = blob_of(10);
  BlobFetch fetch(blob->id, kRun, kRound, 10);
  EXPECT_EQ(transfer(fetch, BlobServer{}), BlobFetch::State::failed);
  EXPECT_THAT(fetch.reason(), testing::HasSubstr("not announced"));
}

// Loses, repeats, reorders and corrupts answers, and still ends with the right bytes or with a
// reason.
TEST(BlobFetch, SurvivesARandomLine) {
  const auto blob = blob_of(5 * kChunkSize + 3);
  const BlobServer server = serving(blob);
  int done = 0;
  for (unsigned seed = 0; seed < 30; ++seed) {
    std::mt19937 random(seed);
    BlobFetch fetch(blob->id, kRun, kRound, blob->id.size, BlobFetch::Keep(seed % 2),
                    1 + random() % 8);
    std::vector<Message> line;
    for (int step = 0; step < 3000 && fetch.state() == BlobFetch::State::fetching; ++step) {
      for (Message& message : fetch.next()) line.push_back(std::move(message));
      if (line.empty() || random() % 10 == 0) {
        fetch.resume();
        continue;
      }
      const std::size_t pick = random() % line.size();
      Message answer = server.answer("guys", line[pick]);
      if (random() % 40 == 0) answer.payload = answer.payload.slice(0, answer.payload.size() / 2);
      if (random() % 8 != 0) fetch.take(answer);
      if (random() % 4 != 0) line.erase(line.begin() + static_cast<std::ptrdiff_t>(pick));
    }
    ASSERT_NE(fetch.state(), BlobFetch::State::fetching);
    if (fetch.state() == BlobFetch::State::done) {
      ++done;
      Chunks chunks = fetch.chunks();
      chunks.join();
      EXPECT_TRUE(same(chunks.parts.at(0), blob->bytes));
    }
  }
  EXPECT_GT(done, 10);
}

TEST(BlobServer, AHashOpensNothing) {
  const auto blob = blob_of(100);
  const BlobServer server = serving(blob);
  BlobFetch fetch(blob->id, kRun, kRound, 100);
  const Message list = fetch.next().at(0);
  EXPECT_FALSE(server.answer("guys", list).payload.empty());
  EXPECT_TRUE(server.answer("kings", list).payload.empty());
  Message later = list;
  later.round = kRound + 1;
  EXPECT_TRUE(server.answer("guys", later).payload.empty());
}

TEST(BlobServer, ServesSlicesOfOneBuffer) {
  const auto blob = blob_of(3 * kChunkSize);
  Message ask;
  ask.kind = Kind::fetch;
  ask.round = kRound;
  ask.body = blob->id.to_settings();
  ask.body.set("offset", static_cast<std::int64_t>(kChunkSize));
  ask.body.set("length", 1000);
  const Message answer = serving(blob).answer("guys", ask);
  EXPECT_EQ(answer.kind, Kind::chunk);
  EXPECT_EQ(answer.payload.view.data(), blob->bytes.view.data() + kChunkSize);
  EXPECT_EQ(answer.payload.size(), 1000u);
}

TEST(BlobServer, RangesOutsideTheBlobAreRefused) {
  const auto blob = blob_of(100);
  const BlobServer server = serving(blob);
  const auto refused = [&](std::int64_t offset, std::int64_t length) {
    Message ask;
    ask.round = kRound;
    ask.body = blob->id.to_settings();
    ask.body.set("offset", offset);
    ask.body.set("length", length);
    const Message answer = server.answer("guys", ask);
    return answer.payload.empty() && answer.body.contains("refused");
  };
  EXPECT_FALSE(refused(0, 100));
  EXPECT_TRUE(refused(0, 101));
  EXPECT_TRUE(refused(100, 1));
  EXPECT_TRUE(refused(-2, 10));
  EXPECT_TRUE(refused(1, 0));
  EXPECT_TRUE(refused(1, -1));
  EXPECT_TRUE(refused(1, std::numeric_limits<std::int64_t>::max()));
  EXPECT_TRUE(
      refused(std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::max()));
  EXPECT_TRUE(server.answer("guys", Message{}).body.contains("refused"));
}

TEST(BlobServer, LetsGoOfWhatNobodyMayFetchAnyMore) {
  BlobServer server;
  const auto blob = blob_of(100);
  server.announce(blob, "guys", 1);
  server.announce(blob, "kings", 1);
  server.announce(blob_of(100, 2), "guys", 2);
  EXPECT_EQ(server.held(), 2u);
  server.withdraw("guys", 1);
  EXPECT_EQ(server.held(), 2u);
  server.retire_before(2);
  EXPECT_EQ(server.held(), 1u);
  EXPECT_EQ(blob.use_count(), 1);
  server.clear();
  EXPECT_EQ(server.held(), 0u);
}

}  // namespace
}  // namespace collegium
