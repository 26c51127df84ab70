#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "federation/desks.h"

namespace collegium {
namespace {

using testing::ElementsAre;
using Phase = CoordinatorSnapshot::Phase;

TEST(CoordinatorJoin, RefusesAStrangerByName) {
  CoordinatorDesk desk;
  desk.join("mallory");
  EXPECT_EQ(desk.reason("mallory", Kind::refuse).code, "unknown_site");
}

TEST(CoordinatorJoin, RefusesAnotherProtocolAndSaysBothNumbers) {
  CoordinatorDesk desk;
  desk.message("guys", Kind::join, 0, JoinBody{99, "test", ""}.write());
  const ReasonBody reason = desk.reason("guys", Kind::refuse);
  EXPECT_EQ(reason.code, "protocol");
  EXPECT_TRUE(reason.fatal);
  EXPECT_NE(reason.reason.find("99"), std::string::npos);
}

TEST(CoordinatorJoin, RefusesAnotherLayout) {
  CoordinatorDesk desk;
  desk.message("guys", Kind::join, 0, JoinBody{kProtocolVersion, "test", "another"}.write());
  EXPECT_EQ(desk.reason("guys", Kind::refuse).code, "layout");
}

TEST(CoordinatorJoin, AsksASiteItDoesNotKnowYetToJoinAgain) {
  CoordinatorDesk desk;
  desk.message("guys", Kind::pong, 0, PongBody{}.write());
  const ReasonBody reason = desk.reason("guys", Kind::refuse);
  EXPECT_EQ(reason.code, "rejoin");
  EXPECT_FALSE(reason.fatal);
}

TEST(CoordinatorJoin, WelcomesWithTheTablesOfTheRun) {
  CoordinatorDesk desk;
  desk.join("guys");
  const WelcomeBody welcome = WelcomeBody::read(desk.sent("guys", Kind::welcome)->body);
  EXPECT_EQ(welcome.layout, "layout");
  EXPECT_EQ(welcome.rounds, 3u);
  EXPECT_EQ(welcome.instructions.network.text("name"), "tiny");
}

TEST(CoordinatorJoin, TellsASiteThatComesAfterTheEndThatTheRunHasFinished) {
  CoordinatorDesk desk;
  desk.resume.closed_round = 3;
  desk.join("guys");
  EXPECT_EQ(FinishedBody::read(desk.sent("guys", Kind::finished)->body).outcome, "finished");
}

TEST(CoordinatorStart, BeginsAtOnceWhenEverybodyIsThere) {
  CoordinatorDesk desk;
  desk.join("leeds");
  desk.join("guys");
  EXPECT_EQ(desk.phase(), Phase::starting);
  desk.join("kings");
  EXPECT_THAT(desk.told(Kind::task), ElementsAre("guys", "kings", "leeds"));
}

TEST(CoordinatorStart, WithAQuorumWaitsAWhileForTheOthers) {
  CoordinatorDesk desk;
  desk.join("guys");
  desk.join("leeds");
  desk.after(desk.options.start_wait - 1);
  EXPECT_EQ(desk.phase(), Phase::starting);
  desk.after(1);
  EXPECT_EQ(desk.phase(), Phase::working);
}

TEST(CoordinatorStart, BelowAQuorumGivesUpInTheEndAndNamesTheAbsent) {
  CoordinatorDesk desk;
  desk.options.silence_limit = 1e9;
  desk.join("guys");
  desk.after(desk.options.start_limit);
  EXPECT_EQ(desk.phase(), Phase::ending);
  EXPECT_TRUE(desk.logged("only 1 of the 2 sites needed joined in time; away: kings, leeds"));
}

Settings unable() {
  return ReasonBody{.code = "unable", .reason = "too little privacy is left"}.write();
}

TEST(CoordinatorUnable, IsNotWaitedForInARound) {
  CoordinatorDesk desk;
  desk.join_all();
  desk.message("leeds", Kind::leave, 0, unable());
  desk.result("guys", 1, blob_with(4, 1));
  desk.result("kings", 1, blob_with(4, 1));
  EXPECT_EQ(desk.phase(), CoordinatorSnapshot::Phase::collecting) << "a quorum, and nobody to come";
  desk.accumulate();
  desk.close(1, 1);
  EXPECT_EQ(desk.contribution("leeds").state, Contribution::State::failed);
  EXPECT_EQ(desk.contribution("leeds").reason, "too little privacy is left");
}

TEST(CoordinatorUnable, IsNotWaitedForAtTheStart) {
  CoordinatorDesk desk;
  desk.join("leeds");
  desk.message("leeds", Kind::leave, 0, unable());
  desk.join("guys");
  EXPECT_FALSE(desk.sent("guys", Kind::task)) << "the others are still to come";
  desk.join("kings");
  EXPECT_TRUE(desk.sent("guys", Kind::task));
}

TEST(CoordinatorUnable, IsNotWaitedForAtTheEnd) {
  CoordinatorDesk desk;
  desk.options.rounds = 1;
  desk.join_all();
  desk.message("leeds", Kind::leave, 0, unable());
  for (const char* site : {"guys", "kings"}) desk.result(site, 1, blob_with(4, 1));
  desk.accumulate();
  desk.close(1, 1);
  desk.message("guys", Kind::leave, 1, ReasonBody{.code = "done"}.write());
  EXPECT_FALSE(desk.machine().done());
  desk.message("kings", Kind::leave, 1, ReasonBody{.code = "done"}.write());
  EXPECT_TRUE(desk.machine().done());
}

TEST(CoordinatorUnable, EndsARunThatCannotHaveAQuorumAnyMore) {
  CoordinatorDesk desk;
  desk.start();
  for (const char* site : {"guys", "kings"}) {
    desk.join(site);
    desk.message(site, Kind::leave, 0, unable());
  }
  EXPECT_TRUE(desk.machine().done() || desk.phase() == CoordinatorSnapshot::Phase::ending);
}

TEST(CoordinatorUnable, MayComeBackWithItsTroubleGone) {
  CoordinatorDesk desk;
  desk.join_all();
  desk.message("leeds", Kind::leave, 0, unable());
  desk.join("leeds");
  EXPECT_TRUE(desk.sent("leeds", Kind::task));
}

// What a site told of its privacy ledger is told back to it, also by the next coordinator process.
TEST(CoordinatorLedgers, AreRememberedForTheSites) {
  CoordinatorDesk desk;
  desk.resume.ledgers["guys"] = {.seq = 7, .head = {1}};
  desk.start();
  desk.join("guys");
  EXPECT_EQ(WelcomeBody::read(desk.sent("guys", Kind::welcome)->body).ledger,
            (LedgerPosition{.seq = 7, .head = {1}}));
  desk.join("kings");
  EXPECT_FALSE(WelcomeBody::read(desk.sent("kings", Kind::welcome)->body).ledger);
}

TEST(CoordinatorLedgers, ThatWentBackAreSaidAloud) {
  CoordinatorDesk desk;
  desk.resume.ledgers["guys"] = {.seq = 7, .head = {1}};
  desk.join_all();
  const SharedBlob update = blob_with(4, 1);
  ResultBody body;
  body.model = desk.model()->id.digest;
  body.steps = 1;
  body.weight = 1;
  body.update = {update->id, true};
  body.ledger = LedgerPosition{.seq = 5, .head = {2}};
  desk.message("guys", Kind::result, 1, body.write(), update->bytes);
  EXPECT_TRUE(desk.logged("its privacy ledger went back from charge 7 to 5"));
}

}  // namespace
}  // namespace collegium
