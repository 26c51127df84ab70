#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "federation/desks.h"

namespace collegium {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::size_t kBig = 20000;  // floats: more bytes than travel inside a message

std::vector<std::string> sites_of(const std::vector<at_coordinator::Accumulate>& jobs) {
  std::vector<std::string> names;
  for (const auto& job : jobs) names.push_back(job.site);
  return names;
}

std::vector<std::string> sites_of(const std::vector<at_coordinator::Pull>& pulls) {
  std::vector<std::string> names;
  for (const auto& pull : pulls) names.push_back(pull.site);
  return names;
}

// ---- cohorts that are drawn

TEST(CoordinatorCollect, AsksOnlyWhomTheCohortNames) {
  CoordinatorDesk desk;
  desk.options.min_sites = 1;
  desk.options.draw_cohort = [](std::uint64_t, std::uint64_t) {
    return std::vector<bool>{true, false, true};
  };
  desk.join_all();
  EXPECT_THAT(desk.told(Kind::task), ElementsAre("guys", "leeds"));
  desk.result("kings", 1, blob_with(4, 1));  // stored in an earlier attempt, perhaps
  EXPECT_EQ(desk.reason("kings", Kind::rejected).code, "not_in_cohort");
  desk.result("guys", 1, blob_with(4, 1));
  desk.result("leeds", 1, blob_with(4, 1));
  desk.accumulate();
  desk.close(1, 2);
  EXPECT_EQ(desk.contribution("kings").code, "not_drawn");
  EXPECT_EQ(desk.contribution("guys").state, Contribution::State::accepted);
  EXPECT_TRUE(desk.logged("round 1 closed with 2 of 2 sites"));
}

// ---- central privacy

TEST(CoordinatorCollect, PaysForARoundBeforeItIsAggregated) {
  CoordinatorDesk desk;
  desk.options.charges_rounds = true;
  desk.join_all();
  for (const char* site : {"guys", "kings", "leeds"}) desk.result(site, 1, blob_with(4, 1));
  desk.accumulate();
  ASSERT_EQ(desk.now_of<at_coordinator::ChargeRound>().size(), 1u);
  EXPECT_THAT(desk.ever<at_coordinator::FinishAggregate>(), IsEmpty());
  desk.give(at_coordinator::RoundCharged{1, 9});  // of another attempt
  EXPECT_THAT(desk.ever<at_coordinator::FinishAggregate>(), IsEmpty());
  desk.give(at_coordinator::RoundCharged{1, 1});
  EXPECT_EQ(desk.now_of<at_coordinator::FinishAggregate>().size(), 1u);
}

TEST(CoordinatorCollect, AggregatesNothingThatCouldNotBePaidFor) {
  CoordinatorDesk desk;
  desk.options.charges_rounds = true;
  desk.join_all();
  for (const char* site : {"guys", "kings", "leeds"}) desk.result(site, 1, blob_with(4, 1));
  desk.accumulate();
  desk.give(at_coordinator::ChargeFailed{1, 1, "the disk is full"});
  EXPECT_THAT(desk.ever<at_coordinator::FinishAggregate>(), IsEmpty());
  const auto records = desk.now_of<at_coordinator::PersistRound>();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_FALSE(records[0].record.closed);
  EXPECT_THAT(records[0].record.reason, testing::HasSubstr("the disk is full"));
}

// ---- collecting

TEST(CoordinatorCollect, PullsInCohortOrderOnceNoMoreAreAwaitedAndStagesTwoAtATime) {
  CoordinatorDesk desk(kBig);
  desk.options.staging = 2;
  desk.join_all();
  const SharedBlob update = blob_with(kBig, 1);
  desk.result("leeds", 1, update);
  desk.result("kings", 1, update);
  EXPECT_THAT(desk.ever<at_coordinator::Pull>(), IsEmpty());
  desk.result("guys", 1, update);
  EXPECT_THAT(sites_of(desk.now_of<at_coordinator::Pull>()), ElementsAre("guys", "kings"));
  desk.give(at_coordinator::PullDone{"kings", update->id, update->bytes});
  EXPECT_THAT(desk.now_of<at_coordinator::Accumulate>(), IsEmpty());  // guys comes first
  desk.give(at_coordinator::PullDone{"guys", update->id, update->bytes});
  EXPECT_THAT(sites_of(desk.now_of<at_coordinator::Accumulate>()), ElementsAre("guys", "kings"));
  EXPECT_THAT(desk.now_of<at_coordinator::Pull>(), IsEmpty());
  desk.give(at_coordinator::Accumulated{1, 1, "guys", {}});
  EXPECT_THAT(sites_of(desk.now_of<at_coordinator::Pull>()), ElementsAre("leeds"));
}

TEST(CoordinatorCollect, HasOneUpdateInMemoryUnlessToldOtherwise) {
  CoordinatorDesk desk(kBig);
  desk.join_all();
  const SharedBlob update = blob_with(kBig, 1);
  for (const std::string& site : desk.options.sites) desk.result(site, 1, update);
  EXPECT_THAT(sites_of(desk.now_of<at_coordinator::Pull>()), ElementsAre("guys"));
  desk.give(at_coordinator::PullDone{"guys", update->id, update->bytes});
  EXPECT_THAT(sites_of(desk.now_of<at_coordinator::Accumulate>()), ElementsAre("guys"));
  EXPECT_THAT(desk.now_of<at_coordinator::Pull>(), IsEmpty());
  desk.give(at_coordinator::Accumulated{1, 1, "guys", {}});
  EXPECT_THAT(sites_of(desk.now_of<at_coordinator::Pull>()), ElementsAre("kings"));
}

TEST(CoordinatorCollect, PullsAsResultsComeWhenOrderDoesNotMatter) {
  CoordinatorDesk desk(kBig);
  desk.options.deterministic = false;
  desk.join_all();
  const SharedBlob update = blob_with(kBig, 1);
  desk.result("leeds", 1, update);
  EXPECT_THAT(sites_of(desk.now_of<at_coordinator::Pull>()), ElementsAre("leeds"));
  desk.give(at_coordinator::PullDone{"leeds", update->id, update->bytes});
  EXPECT_THAT(sites_of(desk.now_of<at_coordinator::Accumulate>()), ElementsAre("leeds"));
}

TEST(CoordinatorCollect, GivesUpAPullThatDoesNotMoveAndClosesWithoutIt) {
  CoordinatorDesk desk(kBig);
  desk.options.silence_limit = 1e9;
  desk.options.staging = 2;
  desk.join_all();
  const SharedBlob update = blob_with(kBig, 1);
  for (const std::string& site : desk.options.sites) desk.result(site, 1, update);
  desk.give(at_coordinator::PullDone{"kings", update->id, update->bytes});
  desk.after(59);
  desk.give(at_coordinator::PullProgress{"guys", 1000});
  desk.after(59);
  EXPECT_EQ(desk.ever<at_coordinator::CancelPull>().size(), 0u);
  desk.after(1);
  EXPECT_EQ(desk.reason("guys", Kind::rejected).code, "pull_failed");
  EXPECT_THAT(sites_of(desk.now_of<at_coordinator::Accumulate>()), ElementsAre("kings"));
}

TEST(CoordinatorCollect, RefusesCorruptedBytesAndTriesACutLineAgain) {
  CoordinatorDesk desk(kBig);
  desk.join_all();
  const SharedBlob update = blob_with(kBig, 1);
  for (const std::string& site : desk.options.sites) desk.result(site, 1, update);
  desk.give(at_coordinator::PullFailed{"guys", update->id, false, "cut"});
  EXPECT_THAT(sites_of(desk.now_of<at_coordinator::Pull>()), ElementsAre("guys"));
  desk.give(at_coordinator::PullFailed{"guys", update->id, true, "a hash is wrong"});
  EXPECT_EQ(desk.reason("guys", Kind::rejected).code, "corrupted");
}

// ---- the end

// ---- a line that was lost

// All three have announced; the update of guys is being pulled when its connection ends.
void lose_while_pulling(CoordinatorDesk& desk, const SharedBlob& update) {
  desk.join_all();
  for (const std::string& site : desk.options.sites) desk.result(site, 1, update);
  desk.give(at_coordinator::PullProgress{"guys", 10});
  desk.give(at_coordinator::PeerLost{"guys", "gone"});
}

TEST(CoordinatorLine, ThatIsBackCostsAPullNothing) {
  const SharedBlob update = blob_with(kBig, 1);
  CoordinatorDesk desk(kBig);
  lose_while_pulling(desk, update);
  EXPECT_THAT(desk.now_of<at_coordinator::CancelPull>(), IsEmpty());
  desk.join("guys");
  desk.give(at_coordinator::PullProgress{"guys", 20});
  desk.after(desk.options.pull_stall - 1);
  EXPECT_EQ(desk.phase(), CoordinatorSnapshot::Phase::collecting);
  desk.give(at_coordinator::PullDone{"guys", update->id, update->bytes});
  EXPECT_THAT(sites_of(desk.now_of<at_coordinator::Accumulate>()), ElementsAre("guys"));
}

TEST(CoordinatorLine, ThatIsNotBackInTimeCostsTheSiteItsPlace) {
  CoordinatorDesk desk(kBig);
  desk.options.pull_stall = desk.options.silence_limit / 2;  // nobody else is missed
  lose_while_pulling(desk, blob_with(kBig, 1));
  desk.after(desk.options.pull_stall - 1);
  EXPECT_THAT(desk.now_of<at_coordinator::CancelPull>(), IsEmpty());
  desk.after(1);
  ASSERT_EQ(desk.now_of<at_coordinator::CancelPull>().size(), 1u);
  EXPECT_EQ(desk.now_of<at_coordinator::CancelPull>()[0].site, "guys");
  EXPECT_THAT(sites_of(desk.now_of<at_coordinator::Pull>()), ElementsAre("kings"));
}

// Its process was killed before the update was here, and has computed it anew.
TEST(CoordinatorLine, MayBringAnotherResultOfASiteThatWasLostWithItsFirst) {
  CoordinatorDesk desk(kBig);
  lose_while_pulling(desk, blob_with(kBig, 1));
  desk.join("guys");
  desk.give(at_coordinator::PullFailed{"guys", blob_with(kBig, 1)->id, false, "not served"});
  EXPECT_EQ(desk.now_of<at_coordinator::Pull>().size(), 0u);
  const SharedBlob other = blob_with(kBig, 2);
  desk.result("guys", 1, other);
  ASSERT_EQ(desk.now_of<at_coordinator::Pull>().size(), 1u);
  EXPECT_EQ(desk.now_of<at_coordinator::Pull>()[0].blob, other->id);
}

TEST(CoordinatorEnd, HandsOutTheFinalModelAndEndsWhenEverybodyHasIt) {
  CoordinatorDesk desk;
  desk.options.rounds = 1;
  desk.join_all();
  for (const std::string& site : desk.options.sites) desk.result(site, 1, blob_with(4, 1));
  desk.accumulate();
  desk.close(1, 7);
  const auto finished = desk.sent("guys", Kind::finished);
  EXPECT_EQ(FinishedBody::read(finished->body).model->id, desk.model()->id);
  EXPECT_EQ(finished->payload.size(), 16u);
  const ReasonBody done{.code = "done", .metrics = {{"dice_wt", 0.75, 4}}};
  desk.message("guys", Kind::leave, 1, done.write());
  EXPECT_EQ(desk.now_of<at_coordinator::RecordMetrics>().at(0).metrics.at(0).value, 0.75);
  desk.message("kings", Kind::leave, 1, done.write());
  EXPECT_FALSE(desk.machine().done());
  desk.message("leeds", Kind::leave, 1, done.write());
  EXPECT_EQ(desk.now_of<at_coordinator::Finish>().at(0).outcome, Outcome::finished);
}

TEST(CoordinatorEnd, StopsCleanlyAndTellsTheSites) {
  CoordinatorDesk desk;
  desk.join_all();
  desk.give(StopRequested{"Ctrl-C"});
  desk.give(at_coordinator::RoundPersisted{1, 1});
  EXPECT_EQ(FinishedBody::read(desk.sent("guys", Kind::finished)->body).outcome, "stopped");
  desk.give(StopRequested{"Ctrl-C again"});
  EXPECT_EQ(desk.now_of<at_coordinator::Finish>().at(0).outcome, Outcome::stopped);
}

TEST(CoordinatorEnd, GoesOnAfterTheLastClosedRound) {
  CoordinatorDesk desk;
  desk.resume.closed_round = 2;
  desk.join_all();
  EXPECT_EQ(desk.sent("guys", Kind::task)->round, 3u);
}

}  // namespace
}  // namespace collegium
