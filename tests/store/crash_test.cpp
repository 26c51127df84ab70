#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/file.h"
#include "collegium/error.h"
#include "store/disk.h"
#include "store/in_a_process.h"
#include "store/ledger.h"
#include "store/outbox.h"
#include "store/run_store.h"
#include "store/sums.h"
#include "support/temporary_folder.h"

namespace collegium {
namespace {

const ChargeKey kKey{"ab12", 3, "train", 1};
const PrivacyEvent kEvent = costing(0.5);

constexpr std::uint64_t kRounds = 2;
const PrivacyEvent kSchedule = costing(0.5, kRounds);

std::filesystem::path network(const std::filesystem::path& folder, std::uint64_t round) {
  return folder / ("network-" + std::to_string(round));
}

std::set<std::string> sent(const std::filesystem::path& folder, std::uint64_t round) {
  std::set<std::string> outputs;
  if (!std::filesystem::exists(network(folder, round))) return outputs;
  for (const auto& file : std::filesystem::directory_iterator(network(folder, round)))
    outputs.insert(file.path().filename().string());
  return outputs;
}

// A site's life: the schedule, then each round reserved, stored, released and sent, or sent again
// from what is stored. What `noise` adds is different every time, as real noise is. A folder in
// network-N stands for bytes of round N that have left the site; making it is one system call, so
// it has left or it has not.
void a_life(const std::filesystem::path& folder, const std::string& noise) {
  Ledger ledger(folder, sums());
  Outbox outbox(folder / "outbox");
  ledger.add_dataset({.id = "guys", .budget = 1.0});  // of exactly this one run
  ledger.begin_run({.id = "ab12", .dataset = "guys", .rounds = kRounds}, {&kSchedule, 1});
  for (std::uint64_t round = 1; round <= kRounds; ++round) {
    const ChargeKey key{"ab12", round};
    const Charge charge = ledger.reserve(key, kEvent);
    std::string output = noise;
    if (charge.state == ChargeState::released) {
      Digest hash{};
      ASSERT_TRUE(from_hex(charge.output_hash, hash));
      const std::optional<Outbox::Parcel> parcel = outbox.load(key.run, round, hash);
      ASSERT_TRUE(parcel.has_value());
      output.assign(parcel->bytes.begin(), parcel->bytes.end());
    } else {
      const std::vector<std::uint8_t> bytes(noise.begin(), noise.end());
      ledger.release(key, outbox.persist(key.run, round, "", bytes));
    }
    std::filesystem::create_directories(network(folder, round) / output);
  }
}

void expect_paid(const std::filesystem::path& folder) {
  Ledger ledger(folder, sums());
  const std::vector<Charge> charges = ledger.charges("guys");
  EXPECT_LE(charges.size(), 1 + kRounds) << "charged twice";  // the schedule, and its rounds
  EXPECT_EQ(ledger.spent("guys"), charges.empty() ? 0.0 : 1.0);
  for (std::uint64_t round = 1; round <= kRounds; ++round) {
    const std::set<std::string> left = sent(folder, round);
    EXPECT_LE(left.size(), 1u) << "two outputs of one charge have left";
    if (left.empty()) continue;
    const std::optional<Charge> charge = ledger.find({"ab12", round});
    ASSERT_TRUE(charge.has_value()) << "an output has left without a charge";
    EXPECT_EQ(charge->state, ChargeState::released);
    Digest hash{};
    ASSERT_TRUE(from_hex(charge->output_hash, hash));
    const std::optional<Outbox::Parcel> parcel =
        Outbox(folder / "outbox").load("ab12", round, hash);
    ASSERT_TRUE(parcel.has_value());
    EXPECT_EQ(std::string(parcel->bytes.begin(), parcel->bytes.end()), *left.begin());
  }
}

class EveryPoint : public testing::TestWithParam<disk::Trouble> {};

// A site is killed at its n-th change of a file, or its n-th SQL statement, for every n; then it
// starts again and is killed at its m-th, then it is left alone. Whatever left it was charged,
// once, and is one output.
TEST_P(EveryPoint, OfDeathLeavesEveryOutputPaidOnce) {
  int points = 0;
  for (End end = End::died; end == End::died;) {
    ++points;
    const TemporaryFolder folder;
    end = in_a_process([&] {
      disk::arm(GetParam(), points);
      a_life(folder.path(), "first");
    });
    expect_paid(folder.path());
    const std::set<std::string> had_left = sent(folder.path(), 1);
    in_a_process([&] {
      disk::arm(GetParam(), 1 + points % 17);
      a_life(folder.path(), "second");
    });
    expect_paid(folder.path());
    EXPECT_EQ(in_a_process([&] { a_life(folder.path(), "third"); }), End::finished);
    expect_paid(folder.path());
    for (std::uint64_t round = 1; round <= kRounds; ++round)
      EXPECT_EQ(sent(folder.path(), round).size(), 1u);
    if (!had_left.empty()) {
      EXPECT_EQ(sent(folder.path(), 1), had_left);
    }
    if (HasFailure()) FAIL() << "killed at call " << points;
  }
  EXPECT_GT(points, 30) << "so few calls cannot have been durable";
}

INSTANTIATE_TEST_SUITE_P(Of, EveryPoint,
                         testing::Values(disk::Trouble::death, disk::Trouble::torn_death,
                                         disk::Trouble::statement_death),
                         [](const auto& info) {
                           return info.param == disk::Trouble::death        ? "CleanDeath"
                                  : info.param == disk::Trouble::torn_death ? "TornDeath"
                                                                            : "AtAStatement";
                         });

TEST(FullDisk, AtAnyPointIsSaidAndLosesNothing) {
  int said = 0;
  for (int point = 1; point < 200; ++point) {
    const TemporaryFolder folder;
    disk::arm(disk::Trouble::full, point);
    bool failed = false;
    try {
      a_life(folder.path(), "first");
    } catch (const SystemError& error) {
      failed = true;
      EXPECT_FALSE(error.problem().remedy.empty()) << error.what();
      EXPECT_NE(error.problem().where.find(folder.path().string()), std::string::npos)
          << error.what();
    }
    const int calls = disk::calls();
    disk::arm(disk::Trouble::none, 0);
    expect_paid(folder.path());
    a_life(folder.path(), "second");
    expect_paid(folder.path());
    for (std::uint64_t round = 1; round <= kRounds; ++round)
      EXPECT_EQ(sent(folder.path(), round).size(), 1u);
    if (HasFailure()) FAIL() << "full at call " << point;
    said += failed ? 1 : 0;
    if (!failed && calls < point) break;
  }
  EXPECT_GT(said, 10);
}

TEST(Durable, MeansSyncedBeforeTheCallReturns) {
  const TemporaryFolder folder;
  Ledger ledger(folder.path(), sums());
  Outbox outbox(folder / "outbox");
  ledger.add_dataset({.id = "guys", .budget = 1.0});
  ledger.begin_run({.id = "ab12", .dataset = "guys"}, {&kEvent, 1});
  disk::watch();
  ledger.reserve(kKey, kEvent);
  EXPECT_EQ(disk::unsynced(), std::set<std::string>());
  const Digest hash = outbox.persist("ab12", 3, "body", std::vector<std::uint8_t>(100'000, 7));
  EXPECT_EQ(disk::unsynced(), std::set<std::string>());
  ledger.release(kKey, hash);
  EXPECT_EQ(disk::unsynced(), std::set<std::string>());
}

TEST(Durable, AlsoHoldsForAClosedRound) {
  const TemporaryFolder folder;
  RunStore store = RunStore::create(folder / "run", {"ab12", "demo", "", "", false});
  Layout layout;
  layout.add("w", {1000});
  disk::watch();
  const Checkpoint model = store.write_checkpoint(1, layout, std::vector<float>(1000, 1.0f));
  EXPECT_EQ(disk::unsynced(), std::set<std::string>());
  store.close_round({.number = 1, .model = model}, {}, {});
  EXPECT_EQ(disk::unsynced(), std::set<std::string>());
}

// A coordinator is killed at every point of closing its second round: the run goes on after round 1
// or after round 2, with the model that belongs to it.
TEST(ADyingCoordinator, LeavesARunThatGoesOn) {
  Layout layout;
  layout.add("w", {64});
  std::set<std::uint64_t> resumed;
  int point = 0;
  for (End end = End::died; end == End::died;) {
    ++point;
    const TemporaryFolder folder;
    const auto play = [&](std::uint64_t round) {
      RunStore store = RunStore::create(folder / "run", {"ab12", "demo", "", layout.hash(), false});
      const Checkpoint model =
          store.write_checkpoint(round, layout, std::vector<float>(64, static_cast<float>(round)));
      const ContributionRow site{.site = "guys", .state = "accepted"};
      store.close_round({.number = round, .model = model}, {&site, 1}, {});
      store.prune_checkpoints(1);
    };
    play(1);
    end = in_a_process([&] {
      disk::arm(disk::Trouble::torn_death, point);
      play(2);
    });
    RunStore store = RunStore::open(folder / "run");
    const std::optional<RunStore::Closed> closed = store.last_closed();
    ASSERT_TRUE(closed.has_value()) << "killed at call " << point;
    const std::vector<float> model = store.load_checkpoint(closed->model, layout);
    EXPECT_EQ(model, std::vector<float>(64, static_cast<float>(closed->round)))
        << "killed at call " << point;
    EXPECT_EQ(store.contributions(closed->round).size(), 1u);
    resumed.insert(closed->round);
  }
  EXPECT_EQ(resumed, (std::set<std::uint64_t>{1, 2}));
}

}  // namespace
}  // namespace collegium
