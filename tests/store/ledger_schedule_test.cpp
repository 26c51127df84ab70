// A run is charged for all of its rounds before the first; rounds draw on that.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "store/ledger.h"
#include "store/sums.h"
#include "support/expect_problem.h"
#include "support/temporary_folder.h"

namespace collegium {
namespace {

using testing::HasSubstr;
using Kind = PrivacyEvent::Kind;

class LedgerSchedule : public testing::Test {
 protected:
  // One schedule fixed beforehand costs half of what the filter says.
  Ledger open(double budget = 4.0) {
    Ledger ledger(folder_.path(), sums(0.5));
    ledger.add_dataset({.id = "guys", .delta = 1e-3, .budget = budget});
    return ledger;
  }
  static LedgerRun run(const std::string& id, std::int64_t rounds = 4) {
    return {.id = id, .dataset = "guys", .rounds = rounds};
  }
  static Charge begin(Ledger& ledger, const std::string& id, double epsilon,
                      std::int64_t rounds = 4) {
    const PrivacyEvent whole = costing(epsilon, rounds);
    return ledger.begin_run(run(id, rounds), {&whole, 1});
  }
  const TemporaryFolder folder_;
};

TEST_F(LedgerSchedule, IsChargedWholeBeforeTheFirstRound) {
  Ledger ledger = open();
  const Charge charge = begin(ledger, "ab12", 1.0);
  EXPECT_EQ(charge.kind, ChargeKind::schedule);
  EXPECT_EQ(charge.epsilon_after, 2.0) << "the only schedule costs its own tight epsilon";
  EXPECT_EQ(ledger.spent("guys"), 2.0);
  EXPECT_EQ(ledger.spent_by_run("ab12"), 2.0);
}

TEST_F(LedgerSchedule, PaysForItsRounds) {
  Ledger ledger = open();
  begin(ledger, "ab12", 1.0);
  for (std::uint64_t round = 1; round <= 4; ++round) {
    const Charge charge = ledger.reserve({"ab12", round}, costing(1.0));
    EXPECT_EQ(charge.kind, ChargeKind::drawn);
    EXPECT_EQ(charge.epsilon_after, 2.0);
  }
  EXPECT_EQ(ledger.spent("guys"), 2.0);
}

TEST_F(LedgerSchedule, OfExactlyTheBudgetRunsToItsLastRound) {
  Ledger ledger = open(2.0);  // the filter alone would refuse it: 4
  begin(ledger, "ab12", 1.0);
  for (std::uint64_t round = 1; round <= 4; ++round)
    EXPECT_NO_THROW(ledger.reserve({"ab12", round}, costing(1.0)));
  EXPECT_EQ(ledger.spent("guys"), 2.0);
}

// Its own epsilon holds only while nothing else is released.
TEST_F(LedgerSchedule, AcceptedByItsOwnEpsilonIsTheLastOne) {
  Ledger ledger = open(2.0);
  begin(ledger, "ab12", 1.0);
  EXPECT_THROW(begin(ledger, "cd34", 1e-9), BudgetExhausted);
  ledger.reserve({"ab12", 1}, costing(1.0));
  EXPECT_THROW(ledger.reserve({"ab12", 2}, costing(1e-9)), BudgetExhausted);
  EXPECT_NO_THROW(ledger.reserve({"ab12", 2}, costing(1.0)));
}

TEST_F(LedgerSchedule, IsFollowedByOthersAsFarAsTheFilterGoes) {
  Ledger ledger = open(6.0);
  begin(ledger, "ab12", 1.0);
  EXPECT_EQ(begin(ledger, "cd34", 0.5).epsilon_after, 6.0) << "two runs: the sum of the filter";
  EXPECT_EQ(ledger.spent_by_run("cd34"), 1.0) << "each for itself is still one schedule";
  EXPECT_THROW(begin(ledger, "ef56", 1e-9), BudgetExhausted);
}

TEST_F(LedgerSchedule, DoesNotPayForMoreThanItHolds) {
  Ledger ledger = open(100.0);
  begin(ledger, "ab12", 1.0, 2);
  ledger.reserve({"ab12", 1}, costing(1.0));
  ledger.reserve({"ab12", 1, "train", 2}, costing(1.0));  // new noise for round 1
  const Charge extra = ledger.reserve({"ab12", 2}, costing(1.0));
  EXPECT_EQ(extra.kind, ChargeKind::extra);
  EXPECT_EQ(extra.epsilon_after, 3.0) << "no longer one schedule: the filter, 2 + 1";
  EXPECT_EQ(ledger.reserve({"ab12", 3}, costing(0.25)).kind, ChargeKind::extra)
      << "another mechanism than the schedule's";
  EXPECT_EQ(ledger.spent("guys"), 3.25);
}

TEST_F(LedgerSchedule, RefundsNoRoundThatIsNotDrawn) {
  {
    Ledger ledger = open(5.0);
    begin(ledger, "ab12", 1.0);
    ledger.reserve({"ab12", 1}, costing(1.0));
    ledger.forfeit({"ab12", 1});
  }
  Ledger ledger = open(5.0);
  EXPECT_EQ(ledger.spent("guys"), 2.0);
  EXPECT_THROW(begin(ledger, "cd34", 0.5), BudgetExhausted) << "4 + 2 > 5 by the filter";
  EXPECT_NO_THROW(begin(ledger, "cd34", 0.25));
}

TEST_F(LedgerSchedule, CountsAVoidRoundAsDrawn) {
  Ledger ledger = open(2.0);
  begin(ledger, "ab12", 1.0, 1);
  ledger.reserve({"ab12", 1}, costing(1.0));
  ledger.forfeit({"ab12", 1});
  EXPECT_EQ(ledger.reserve({"ab12", 1, "train", 2}, costing(1.0)).kind, ChargeKind::extra);
}

TEST_F(LedgerSchedule, ThatDoesNotFitIsRefusedWithWhatWould) {
  Ledger ledger = open(5.0);
  begin(ledger, "ab12", 0.5);  // 2 by the filter
  const Problem problem = problem_of([&] { begin(ledger, "cd34", 1.0); });
  EXPECT_THAT(problem.found,
              HasSubstr("epsilon 1 spent, 4 left; the run (4 rounds) asks for 2, which makes 6"));
  EXPECT_THAT(problem.expected, HasSubstr("epsilon 5 at delta 0.001"));
  EXPECT_THAT(problem.remedy, HasSubstr("3 of its 4 rounds would fit"));
  EXPECT_EQ(ledger.charges("guys").size(), 1u) << "nothing of it is written";
  EXPECT_NO_THROW(begin(ledger, "cd34", 1.0, 3)) << "what it says would fit does";
}

TEST_F(LedgerSchedule, NamesTheNoiseThatWouldFit) {
  Ledger ledger(folder_.path());
  ledger.add_dataset({.id = "guys", .delta = 1e-3, .budget = 3.0});
  PrivacyEvent event{
      .kind = Kind::sampled_gaussian, .noise_multiplier = 1.5, .sampling_rate = 0.25, .count = 200};
  const LedgerRun wanted = run("ab12", 20);
  const Problem problem = problem_of([&] { ledger.begin_run(wanted, {&event, 1}); });
  const std::string key = "all 20 would with noise_multiplier = ";
  const std::size_t at = problem.remedy.find(key);
  ASSERT_NE(at, std::string::npos) << problem.remedy;
  event.noise_multiplier = std::stod(problem.remedy.substr(at + key.size()));
  EXPECT_GT(event.noise_multiplier, 1.5);
  ledger.begin_run(wanted, {&event, 1});
  EXPECT_LE(ledger.spent("guys"), 3.0);
  EXPECT_GT(ledger.spent("guys"), 2.9) << "and not much more noise than it takes";
}

TEST_F(LedgerSchedule, IsOneForEachRun) {
  Ledger ledger = open(100.0);
  EXPECT_EQ(begin(ledger, "ab12", 1.0).seq, begin(ledger, "ab12", 1.0).seq);
  EXPECT_THROW(begin(ledger, "ab12", 0.5), ConfigError);
  EXPECT_THROW(begin(ledger, "ab12", 1.0, 5), ConfigError);
  EXPECT_THROW(ledger.reserve({"ab12", 0, "schedule"}, costing(1.0, 4)), ConfigError);
  EXPECT_THROW(ledger.release({"ab12", 0, "schedule"}, Digest{}), SystemError);
  EXPECT_THROW(ledger.forfeit({"ab12", 0, "schedule"}), SystemError);
  EXPECT_EQ(ledger.spent("guys"), 2.0);
}

TEST_F(LedgerSchedule, WithoutABoundIsRefusedAtItsStart) {
  Ledger ledger = open();
  const std::vector<PrivacyEvent> events{costing(0.1),
                                         {.kind = Kind::unbounded, .reason = "no mechanism"}};
  EXPECT_THAT(problem_of([&] { ledger.begin_run(run("ab12"), events); }).found,
              HasSubstr("no mechanism"));
  ledger.add_dataset({.id = "guys", .delta = 1e-3});
  ledger.begin_run(run("ab12"), events);
  EXPECT_EQ(ledger.reserve({"ab12", 1}, events).kind, ChargeKind::drawn);
  EXPECT_TRUE(std::isinf(ledger.spent("guys")));
}

TEST_F(LedgerSchedule, OfAPolicyThatChangedKeepsWhatWasSpent) {
  Ledger ledger = open(4.0);
  begin(ledger, "ab12", 1.0);
  ledger.add_dataset({.id = "guys", .delta = 1e-3, .budget = 1.0});
  EXPECT_EQ(ledger.spent("guys"), 2.0);
  EXPECT_NO_THROW(ledger.reserve({"ab12", 1}, costing(1.0))) << "paid for before";
  EXPECT_THROW(begin(ledger, "cd34", 1e-9), BudgetExhausted);
}

// Copies.

Problem opening(const std::filesystem::path& folder) {
  return problem_of([&] { Ledger(folder, sums()); });
}

TEST_F(LedgerSchedule, IsNotDrawnOnByACopyOfTheFolder) {
  const TemporaryFolder place;
  {
    Ledger ledger = open();
    begin(ledger, "ab12", 1.0);
  }
  std::filesystem::copy(folder_.path(), place / "copy", std::filesystem::copy_options::recursive);
  const Problem problem = opening(place / "copy");
  EXPECT_THAT(problem.what, HasSubstr("copied or restored"));
  EXPECT_THAT(problem.remedy, HasSubstr("collegium adopt " + (place / "copy").string()));
  EXPECT_NO_THROW(Ledger(folder_.path(), sums()));
  std::filesystem::rename(folder_.path(), place / "moved");
  EXPECT_NO_THROW(Ledger(place / "moved", sums())) << "moved within its file system";
  std::filesystem::rename(place / "moved", folder_.path());
}

TEST_F(LedgerSchedule, GoesOnInACopyThatWasAdopted) {
  const TemporaryFolder place;
  {
    Ledger ledger = open();
    begin(ledger, "ab12", 1.0);
  }
  std::filesystem::copy(folder_.path(), place / "copy", std::filesystem::copy_options::recursive);
  adopt_ledger(place / "copy");
  Ledger ledger(place / "copy", sums(0.5));
  EXPECT_EQ(ledger.spent("guys"), 2.0);
  Statement notes = Database(place / "copy" / "site.db", Database::Mode::read_only)
                        .prepare("SELECT text FROM note");
  ASSERT_TRUE(notes.next());
  EXPECT_THAT(notes.text(0), HasSubstr("adopted"));
}

TEST_F(LedgerSchedule, AnOlderLedgerIsNotAdopted) {
  const TemporaryFolder place;
  Ledger(folder_.path(), sums()).add_dataset({.id = "guys", .budget = 9.0});
  std::filesystem::copy_file(folder_ / "site.db", place / "old.db");
  {
    Ledger ledger = open();
    begin(ledger, "ab12", 1.0);
  }
  std::filesystem::remove(folder_ / "site.db-wal");
  std::filesystem::remove(folder_ / "site.db-shm");
  std::filesystem::copy_file(place / "old.db", folder_ / "site.db",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(problem_of([&] { adopt_ledger(folder_.path()); }).what, HasSubstr("older copy"));
}

TEST_F(LedgerSchedule, AWitnessTellsWhenTheLedgerWentBack) {
  Ledger ledger = open();
  begin(ledger, "ab12", 1.0);
  const LedgerPosition before = ledger.position();
  ledger.reserve({"ab12", 1}, costing(1.0));
  EXPECT_NO_THROW(ledger.require(before, "the coordinator"));
  EXPECT_NO_THROW(ledger.require(ledger.position(), "the coordinator"));
  EXPECT_NO_THROW(ledger.require({}, "the coordinator"));
  LedgerPosition later = ledger.position();
  ++later.seq;
  EXPECT_THAT(problem_of([&] { ledger.require(later, "the coordinator"); }).expected,
              HasSubstr("at least the 3 charges that the coordinator knows of"));
  LedgerPosition other = before;
  other.head[5] ^= 1;
  EXPECT_THAT(problem_of([&] { ledger.require(other, "the coordinator"); }).what,
              HasSubstr("not the ledger that was here"));
}

}  // namespace
}  // namespace collegium
