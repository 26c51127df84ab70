#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "federation/desks.h"

namespace collegium {
namespace {

using testing::IsEmpty;
using Phase = SiteSnapshot::Phase;
constexpr std::size_t kBig = 20000;  // floats: more bytes than travel inside a message

TEST(SiteJoin, RepeatsItsJoinEverMoreRarely) {
  SiteDesk desk;
  desk.start();
  EXPECT_EQ(desk.times_sent(Kind::join), 1u);
  for (int i = 1; i <= 127; ++i) desk.after(1);  // after 1, 3, 7, 15, 31, 63 and 123 s
  EXPECT_EQ(desk.times_sent(Kind::join), 8u);
}

TEST(SiteJoin, JoinsAgainWhenTheCoordinatorIsSilent) {
  SiteDesk desk;
  desk.welcome();
  desk.after(desk.options.silence_limit);
  EXPECT_TRUE(desk.sent(Kind::join));
}

// With a result to announce and nobody to take it, it waits for its next join and for nothing else.
TEST(SiteJoin, RestsWhileTheCoordinatorIsSilent) {
  SiteDesk desk;
  desk.welcome();
  desk.task(1);
  desk.trained();
  desk.persisted();
  EXPECT_EQ(desk.phase(), Phase::announced);
  desk.after(desk.options.silence_limit);
  for (int turns = 0; turns < 5; ++turns) {
    EXPECT_GT(desk.machine().next_tick(), desk.now);
    desk.at(desk.machine().next_tick());
  }
}

TEST(SiteJoin, GivesUpACoordinatorThatIsGoneAndSaysSo) {
  SiteDesk desk;
  desk.welcome();
  desk.after(desk.options.give_up);
  EXPECT_EQ(desk.now_of<at_site::Stop>().at(0).outcome, Outcome::failed);
  EXPECT_NE(desk.now_of<at_site::Stop>().at(0).reason.find("not heard"), std::string::npos);
}

TEST(SiteJoin, StopsWithTheReasonWhenItIsRefused) {
  SiteDesk desk;
  desk.start();
  const auto join = desk.sent(Kind::join);
  desk.message(Kind::refuse, 0,
               ReasonBody{.code = "unknown_site", .reason = "not one of us"}.write(), {},
               join->request);
  EXPECT_EQ(desk.now_of<at_site::Stop>().at(0).outcome, Outcome::refused);
  EXPECT_EQ(desk.now_of<at_site::Stop>().at(0).reason, "not one of us");
}

TEST(SiteJoin, BuildsItsNetworkFromTheWelcomeAndRefusesAnotherLayout) {
  SiteDesk desk;
  desk.options.layout = "";
  desk.welcome();
  EXPECT_EQ(desk.now_of<at_site::Prepare>().at(0).network.text("name"), "tiny");
  desk.task(1);
  EXPECT_THAT(desk.ever<at_site::Train>(), IsEmpty());  // kept until the network is there
  desk.give(at_site::Prepared{"layout"});
  EXPECT_EQ(desk.now_of<at_site::Train>().size(), 1u);

  SiteDesk other;
  other.options.layout = "";
  other.welcome();
  other.give(at_site::Prepared{"another"});
  EXPECT_EQ(other.now_of<at_site::Stop>().at(0).outcome, Outcome::refused);
}

TEST(SiteTask, TrainsStoresAndOnlyThenAnnounces) {
  SiteDesk desk;
  desk.welcome();
  desk.task(1);
  EXPECT_TRUE(desk.now_of<at_site::Train>().at(0).evaluate);
  desk.trained();
  EXPECT_FALSE(desk.sent(Kind::result));
  EXPECT_EQ(desk.now_of<at_site::Persist>().at(0).result.update->id, desk.update->id);
  desk.persisted();
  const ResultBody result = ResultBody::read(desk.sent(Kind::result)->body);
  EXPECT_EQ(result.loss, 0.25);
  EXPECT_EQ(result.metrics.at(0).name, "dice_wt");
  EXPECT_EQ(result.model, desk.model->id.digest);
  EXPECT_EQ(desk.sent(Kind::result)->payload.size(), 16u);
}

TEST(SiteTask, RepeatsItsResultUntilItIsAnswered) {
  SiteDesk desk;
  desk.welcome();
  desk.task(1);
  desk.trained();
  desk.persisted();
  desk.after(2);
  EXPECT_TRUE(desk.sent(Kind::result));
  desk.after(2);
  EXPECT_FALSE(desk.sent(Kind::result));  // the wait doubles
  desk.after(2);
  EXPECT_TRUE(desk.sent(Kind::result));
  desk.message(Kind::accepted, 1, ReasonBody{.update = desk.update->id.digest}.write());
  EXPECT_EQ(desk.phase(), Phase::accepted);
  for (int i = 0; i < 5; ++i) desk.after(5);
  EXPECT_EQ(desk.times_sent(Kind::result), 3u);
}

TEST(SiteTask, SendsAStoredResultAgainAndNeverComputesItAgain) {
  SiteDesk desk;
  desk.welcome();
  desk.task(1);
  desk.trained();
  desk.persisted();
  desk.task(1, 2);
  EXPECT_EQ(ResultBody::read(desk.sent(Kind::result)->body).attempt, 2u);

  SiteDesk again;  // the process was killed
  again.stored = desk.ever<at_site::Persist>().at(0).result;
  again.welcome();
  again.task(1, 3);
  EXPECT_EQ(ResultBody::read(again.sent(Kind::result)->body).update.id, desk.update->id);
  EXPECT_THAT(again.ever<at_site::Train>(), IsEmpty());
}

TEST(SiteTask, IgnoresATaskFromBeforeItsWelcome) {
  SiteDesk desk;
  desk.welcome(3);
  desk.task(2);
  EXPECT_THAT(desk.last, IsEmpty());
}

TEST(SiteTask, GivesUpItsTrainingForALaterRoundAndStartsThatOneOnceTheTrainerIsFree) {
  SiteDesk desk;
  desk.welcome();
  desk.task(1);
  const auto first = desk.now_of<at_site::Train>().at(0).job;
  desk.task(2);
  EXPECT_EQ(desk.now_of<at_site::AbortTraining>().at(0).job, first);
  EXPECT_THAT(desk.now_of<at_site::Train>(), IsEmpty());
  desk.give(at_site::TrainFailed{first, "given up"});
  EXPECT_EQ(desk.now_of<at_site::Train>().at(0).task.round, 2u);
  EXPECT_EQ(desk.times_sent(Kind::failed), 0u);
}

TEST(SiteTask, NamesTheRuleOfItsPolicyThatATaskBreaks) {
  SiteDesk desk;
  desk.options.policy = [](const Settings& task) -> std::optional<PolicyRefusal> {
    return PolicyRefusal{"models", task.table("network").text("name") + " is not allowed here"};
  };
  desk.welcome();
  desk.task(1);
  const ReasonBody failed = ReasonBody::read(desk.sent(Kind::failed)->body);
  EXPECT_EQ(failed.code, "policy");
  EXPECT_NE(failed.reason.find("(models): tiny is not allowed here"), std::string::npos)
      << failed.reason;
  desk.task(1);  // the coordinator did not hear it
  EXPECT_TRUE(desk.sent(Kind::failed));
}

// A second task for the same round is a repeat only where it asks for the same work: one that asks
// for less privacy would otherwise pass a policy that never saw it.
TEST(SiteTask, GoesThroughThePolicyAgainWhenItComesWithOtherTables) {
  SiteDesk desk;
  desk.instructions.privacy.set("clip", 1.0);
  desk.options.policy = [](const Settings& task) -> std::optional<PolicyRefusal> {
    if (task.table("privacy").contains("clip")) return {};
    return PolicyRefusal{"privacy", "nothing is trained here without it"};
  };
  desk.welcome();
  desk.task(1);
  EXPECT_EQ(desk.phase(), Phase::reserving);
  desk.instructions.privacy = {};
  desk.task(1);
  EXPECT_EQ(ReasonBody::read(desk.sent(Kind::failed)->body).code, "policy");
  desk.give(at_site::Reserved{desk.ever<at_site::Reserve>().back().job, 0.5, 1e-5, 0.5});
  EXPECT_THAT(desk.ever<at_site::Train>(), IsEmpty());
}

TEST(SiteTask, PullsALargeModelAndKeepsItWhileItIsTheSame) {
  SiteDesk desk(kBig);
  desk.welcome();
  desk.task(1);
  EXPECT_EQ(desk.now_of<at_site::Pull>().at(0).blob, desk.model->id);
  desk.give(at_site::ModelReady{desk.model->id, desk.model->bytes});
  desk.give(at_site::TrainFailed{desk.now_of<at_site::Train>().at(0).job, "out of memory"});
  desk.task(1, 2);
  EXPECT_THAT(desk.now_of<at_site::Pull>(), IsEmpty());
  EXPECT_EQ(desk.now_of<at_site::Train>().size(), 1u);
}

TEST(SiteTask, GivesUpAModelItCannotHaveAndSaysSo) {
  SiteDesk desk(kBig);
  desk.welcome();
  desk.task(1);
  for (int i = 0; i < desk.options.model_attempts; ++i) {
    desk.give(at_site::ModelFailed{desk.model->id, "the line was cut"});
    desk.after(40);
    desk.message(Kind::ping, 1, {});
  }
  EXPECT_EQ(desk.phase(), Phase::failed);
  EXPECT_EQ(desk.times_sent(Kind::failed), 1u);
}

TEST(SiteEnd, KeepsAndEvaluatesTheFinalModelAndLeaves) {
  SiteDesk desk;
  desk.welcome();
  FinishedBody body{"finished", "", true, BlobNote{desk.model->id, true}};
  desk.message(Kind::finished, 3, body.write(), desk.model->bytes);
  EXPECT_EQ(desk.now_of<at_site::KeepFinalModel>().size(), 1u);
  desk.give(at_site::Evaluated{desk.now_of<at_site::Evaluate>().at(0).job, {{"dice_wt", 0.9, 2}}});
  EXPECT_EQ(ReasonBody::read(desk.sent(Kind::leave)->body).metrics.at(0).value, 0.9);
  EXPECT_EQ(desk.now_of<at_site::Stop>().at(0).outcome, Outcome::finished);
}

TEST(SiteEnd, DoesNotWaitForTheFinalModelForEver) {
  SiteDesk desk(kBig);
  desk.welcome();
  FinishedBody body{"finished", "", true, BlobNote{desk.model->id, false}};
  desk.message(Kind::finished, 3, body.write());
  EXPECT_EQ(desk.now_of<at_site::Pull>().size(), 1u);
  desk.after(desk.options.final_wait);
  EXPECT_TRUE(desk.machine().done());
  EXPECT_NE(desk.now_of<at_site::Stop>().at(0).reason, "");
}

TEST(SiteEnd, SaysGoodbyeWhenItIsStopped) {
  SiteDesk desk;
  desk.welcome();
  desk.task(1);
  desk.give(StopRequested{"Ctrl-C"});
  EXPECT_TRUE(desk.sent(Kind::leave));
  EXPECT_EQ(desk.now_of<at_site::AbortTraining>().size(), 1u);
  EXPECT_EQ(desk.now_of<at_site::Stop>().at(0).outcome, Outcome::stopped);
}

TEST(SiteEnd, TakesARunThatFailedForAFailure) {
  SiteDesk desk;
  desk.welcome();
  desk.message(Kind::finished, 1, FinishedBody{"failed", "no quorum", false, {}}.write());
  EXPECT_EQ(desk.now_of<at_site::Stop>().at(0).outcome, Outcome::failed);
  EXPECT_NE(desk.now_of<at_site::Stop>().at(0).reason.find("no quorum"), std::string::npos);
}

}  // namespace
}  // namespace collegium
