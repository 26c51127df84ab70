#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "federation/desks.h"

namespace collegium {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Phase = CoordinatorSnapshot::Phase;
using State = Contribution::State;

constexpr std::size_t kBig = 20000;  // floats: more bytes than travel inside a message

std::vector<std::string> sites_of(const std::vector<at_coordinator::Accumulate>& jobs) {
  std::vector<std::string> names;
  for (const auto& job : jobs) names.push_back(job.site);
  return names;
}

TEST(CoordinatorRound, ClosesWithEverybodyAndCallsResultsAcceptedOnlyOnceTheyAreDurable) {
  CoordinatorDesk desk;
  desk.join_all();
  for (const std::string& site : desk.options.sites) desk.result(site, 1, blob_with(4, 1));
  desk.accumulate();
  EXPECT_EQ(desk.now_of<at_coordinator::FinishAggregate>().size(), 1u);
  desk.give(at_coordinator::AggregationDone{1, 1, blob_with(4, 1)});
  EXPECT_THAT(desk.told(Kind::accepted), IsEmpty());
  EXPECT_TRUE(desk.now_of<at_coordinator::PersistRound>().at(0).record.closed);
  desk.give(at_coordinator::RoundPersisted{1, 1});
  EXPECT_THAT(desk.told(Kind::accepted), ElementsAre("guys", "kings", "leeds"));
  EXPECT_THAT(desk.told(Kind::task), ElementsAre("guys", "kings", "leeds"));
}

TEST(CoordinatorRound, GivesALateJoinerTheTaskWhileTheRoundIsOpen) {
  CoordinatorDesk desk;
  desk.options.min_sites = 2;
  desk.join("guys");
  desk.join("kings");
  desk.after(desk.options.start_wait);
  desk.after(5);
  desk.join("leeds");
  EXPECT_THAT(desk.told(Kind::task), ElementsAre("leeds"));
}

TEST(CoordinatorRound, IgnoresTheSameResultAgain) {
  CoordinatorDesk desk;
  desk.join_all();
  desk.result("guys", 1, blob_with(4, 1));
  desk.result("guys", 1, blob_with(4, 1));
  EXPECT_THAT(desk.last, IsEmpty());
  desk.result("kings", 1, blob_with(4, 1));
  desk.result("leeds", 1, blob_with(4, 1));
  EXPECT_THAT(sites_of(desk.now_of<at_coordinator::Accumulate>()),
              ElementsAre("guys", "kings", "leeds"));
}

TEST(CoordinatorRound, RefusesASecondDifferentResult) {
  CoordinatorDesk desk;
  desk.join_all();
  desk.result("guys", 1, blob_with(4, 1));
  desk.result("guys", 1, blob_with(4, 2));
  EXPECT_EQ(desk.reason("guys", Kind::rejected).code, "duplicate");
}

TEST(CoordinatorRound, AnswersTheRepeatOfACountedResultAsBeforeAlsoAfterARestart) {
  CoordinatorDesk desk;
  desk.join_all();
  for (const std::string& site : desk.options.sites) desk.result(site, 1, blob_with(4, 1));
  desk.accumulate();
  desk.close(1, 1);
  desk.result("kings", 1, blob_with(4, 1));
  EXPECT_THAT(desk.told(Kind::accepted), ElementsAre("kings"));

  CoordinatorDesk again;
  again.resume = {1, desk.model(),
                  desk.ever<at_coordinator::PersistRound>().back().record.contributions};
  for (Contribution& one : again.resume.last) one.update->size += 4;  // of what came masked
  again.join("kings");
  again.result("kings", 1, blob_with(4, 1));
  EXPECT_THAT(again.told(Kind::accepted), ElementsAre("kings"));
}

TEST(CoordinatorRound, RefusesALateResultWithAReason) {
  CoordinatorDesk desk;
  desk.join_all();
  desk.result("guys", 1, blob_with(4, 1));
  desk.result("kings", 1, blob_with(4, 1));
  desk.at(desk.now + 600);
  desk.accumulate();
  EXPECT_EQ(desk.phase(), Phase::aggregating);
  desk.close(1, 1);
  EXPECT_EQ(desk.contribution("leeds").state, State::missing);
  desk.result("leeds", 1, blob_with(4, 9));
  EXPECT_EQ(desk.reason("leeds", Kind::rejected).code, "late");
}

TEST(CoordinatorRound, RefusesAResultThatWasTrainedOnAnotherModel) {
  CoordinatorDesk desk;
  desk.join_all();
  ResultBody body;
  body.steps = 1;
  body.weight = 1;
  body.update = {blob_with(4, 1)->id, true};
  desk.message("guys", Kind::result, 1, body.write(), blob_with(4, 1)->bytes);
  EXPECT_EQ(desk.reason("guys", Kind::rejected).code, "wrong_model");
}

TEST(CoordinatorRound, RefusesBytesThatAreNotThoseAnnounced) {
  CoordinatorDesk desk;
  desk.join_all();
  ResultBody body;
  body.model = desk.model()->id.digest;
  body.steps = 1;
  body.weight = 1;
  body.update = {blob_with(4, 1)->id, true};
  desk.message("guys", Kind::result, 1, body.write(), blob_with(4, 2)->bytes);
  EXPECT_EQ(desk.reason("guys", Kind::rejected).code, "corrupted");
}

TEST(CoordinatorRound, GoesOnWithoutASiteWhoseUpdateIsBadAndNamesIt) {
  CoordinatorDesk desk;
  desk.join_all();
  desk.result("guys", 1, blob_with(4, std::numeric_limits<float>::quiet_NaN()));
  desk.result("kings", 1, blob_with(4, 1));
  desk.result("leeds", 1, blob_with(4, 1));
  desk.accumulate();
  EXPECT_EQ(desk.phase(), Phase::aggregating);
  desk.close(1, 1);
  EXPECT_EQ(desk.contribution("guys").state, State::rejected);
  EXPECT_EQ(desk.contribution("guys").code, "not_finite");
  EXPECT_TRUE(desk.logged("round 1 closed with 2 of 3 sites; without guys"));
}

TEST(CoordinatorRound, RefusesAnUpdateOfAnotherSizeBeforeItIsPulled) {
  CoordinatorDesk desk(kBig);
  desk.join_all();
  desk.result("guys", 1, blob_with(2 * kBig, 1));
  EXPECT_EQ(desk.reason("guys", Kind::rejected).code, "bad_size");
  EXPECT_THAT(desk.ever<at_coordinator::Pull>(), IsEmpty());
}

TEST(CoordinatorRound, NamesAFailedSiteWithItsReason) {
  CoordinatorDesk desk;
  desk.join_all();
  desk.failed("guys", 1, "policy");
  desk.result("kings", 1, blob_with(4, 1));
  desk.result("leeds", 1, blob_with(4, 1));
  desk.accumulate();
  desk.close(1, 1);
  EXPECT_EQ(desk.contribution("guys").state, State::failed);
  EXPECT_EQ(desk.contribution("guys").code, "policy");
  EXPECT_EQ(desk.contribution("guys").reason, "because");
}

// The line's time is not taken from the work's, twice the deadline at most, and not for bytes that
// nobody needs.
TEST(CoordinatorRound, WaitsLongerWhileItsModelIsOnTheWay) {
  constexpr std::size_t kFloats = 20000;
  CoordinatorDesk desk(kFloats);
  desk.options.round_deadline = 100;
  desk.options.silence_limit = 1000;
  desk.join_all();
  const double opened = desk.now;
  desk.after(60);
  desk.give(at_coordinator::Served{"guys", 4 * kFloats});
  EXPECT_EQ(desk.machine().snapshot().deadline, opened + 160);
  desk.after(60);
  desk.give(at_coordinator::Served{"guys", 4 * kFloats});  // all of it once more
  EXPECT_EQ(desk.machine().snapshot().deadline, opened + 200);
  desk.after(79);
  EXPECT_EQ(desk.phase(), CoordinatorSnapshot::Phase::working);
  desk.after(1);
  EXPECT_EQ(desk.phase(), CoordinatorSnapshot::Phase::persisting);
}

TEST(CoordinatorRound, IsNotKeptOpenByASiteThatFetchesForEver) {
  CoordinatorDesk desk(20000);
  desk.options.round_deadline = 100;
  desk.join_all();
  const double opened = desk.now;
  desk.give(at_coordinator::Served{"guys", 3 * 80000});
  desk.after(50);
  desk.give(at_coordinator::Served{"guys", 1});
  EXPECT_EQ(desk.machine().snapshot().deadline, opened + 100);
}

TEST(CoordinatorRound, SaysSoWhenASiteFailsWithoutAReason) {
  CoordinatorDesk desk;
  desk.join_all();
  desk.message("guys", Kind::failed, 1, ReasonBody{.attempt = 1}.write());
  desk.result("kings", 1, blob_with(4, 1));
  desk.result("leeds", 1, blob_with(4, 2));
  desk.accumulate();
  desk.close(1, 3);
  EXPECT_EQ(desk.contribution("guys").code, "failed");
  EXPECT_EQ(desk.contribution("guys").reason, "it gave no reason");
}

TEST(CoordinatorRound, WaitsForALostSiteOnlyWhereTheQuorumNeedsIt) {
  CoordinatorDesk desk;
  desk.join_all();
  desk.result("guys", 1, blob_with(4, 1));
  desk.give(at_coordinator::PeerLost{"kings", "gone"});
  desk.give(at_coordinator::PeerLost{"leeds", "gone"});
  EXPECT_EQ(desk.phase(), Phase::working);
  desk.join("leeds");
  EXPECT_THAT(desk.told(Kind::task), ElementsAre("leeds"));
  desk.result("leeds", 1, blob_with(4, 1));
  desk.accumulate();
  EXPECT_EQ(desk.phase(), Phase::aggregating);
  desk.close(1, 1);
  EXPECT_EQ(desk.contribution("kings").reason, "gone");
}

TEST(CoordinatorRound, LosesASiteThatIsSilent) {
  CoordinatorDesk desk;
  desk.join_all();
  for (int i = 0; i < 6; ++i) {
    desk.after(10);
    for (const char* site : {"guys", "kings"})
      desk.message(site, Kind::pong, 1, PongBody{1, "training", true}.write());
  }
  EXPECT_EQ(desk.machine().snapshot().sites[2].state, SiteView::State::away);
  EXPECT_EQ(desk.machine().snapshot().sites[2].reason, "silent for 60 s");
  EXPECT_EQ(desk.machine().snapshot().sites[0].state, SiteView::State::working);
}

TEST(CoordinatorRound, SendsTheTaskAgainToASiteThatDoesNotHaveIt) {
  CoordinatorDesk desk;
  desk.join_all();
  desk.after(desk.options.resend_after);
  desk.message("guys", Kind::pong, 0, PongBody{0, "idle", false}.write());
  EXPECT_THAT(desk.told(Kind::task), ElementsAre("guys"));
  desk.message("kings", Kind::pong, 1, PongBody{1, "training", true}.write());
  EXPECT_THAT(desk.told(Kind::task), IsEmpty());
}

TEST(CoordinatorRound, BelowTheQuorumAtTheDeadlineIsRepeatedThreeTimesAndThenTheRunSaysWhyItFails) {
  CoordinatorDesk desk;
  desk.options.silence_limit = 1e9;
  desk.join_all();
  for (std::uint64_t attempt = 1; attempt <= 3; ++attempt) {
    desk.result("guys", 1, blob_with(4, 1));  // stays valid: the model is the same
    desk.after(600);
    const auto record = desk.ever<at_coordinator::PersistRound>().back().record;
    EXPECT_FALSE(record.closed);
    EXPECT_EQ(record.attempt, attempt);
    EXPECT_EQ(desk.contribution("kings").code, "deadline");
    EXPECT_EQ(desk.contribution("guys").code, "abandoned");
    desk.give(at_coordinator::RoundPersisted{1, attempt});
  }
  EXPECT_EQ(desk.phase(), Phase::ending);
  const FinishedBody finished = FinishedBody::read(desk.sent("leeds", Kind::finished)->body);
  EXPECT_EQ(finished.outcome, "failed");
  EXPECT_NE(finished.reason.find("without kings, leeds"), std::string::npos) << finished.reason;
}

TEST(CoordinatorRound, IsAbandonedAtOnceWhenTheQuorumCannotBeMet) {
  CoordinatorDesk desk;
  desk.join_all();
  desk.failed("guys", 1, "training");
  desk.failed("kings", 1, "training");
  const auto written = desk.now_of<at_coordinator::PersistRound>();
  ASSERT_EQ(written.size(), 1u);
  EXPECT_NE(written[0].record.reason.find("without guys ("), std::string::npos)
      << written[0].record.reason;
  desk.give(at_coordinator::RoundPersisted{1, 1});
  EXPECT_EQ(desk.machine().snapshot().attempt, 2u);
}

TEST(CoordinatorRound, FailsTheRunWithTheReasonWhenItCannotBeWritten) {
  CoordinatorDesk desk;
  desk.join_all();
  for (const std::string& site : desk.options.sites) desk.result(site, 1, blob_with(4, 1));
  desk.accumulate();
  desk.give(at_coordinator::AggregationDone{1, 1, blob_with(4, 1)});
  desk.give(at_coordinator::PersistFailed{1, 1, "the disk is full"});
  EXPECT_TRUE(desk.logged("the disk is full"));
  EXPECT_THAT(desk.told(Kind::accepted), IsEmpty());
}

}  // namespace
}  // namespace collegium
