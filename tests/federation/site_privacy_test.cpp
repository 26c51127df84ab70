#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "federation/desks.h"

namespace collegium {
namespace {

using testing::IsEmpty;
using Phase = SiteSnapshot::Phase;

TEST(SitePrivacy, ReservesBeforeItTrainsAndLetsNothingButTheUpdateLeave) {
  SiteDesk desk;
  desk.instructions.privacy.set("clip", 1.0);
  desk.welcome();
  desk.task(1);
  EXPECT_THAT(desk.now_of<at_site::Train>(), IsEmpty());
  const auto reserve = desk.now_of<at_site::Reserve>().at(0);
  EXPECT_EQ(reserve.attempt, 1u);
  desk.give(at_site::Reserved{reserve.job, 0.5, 1e-3});
  EXPECT_FALSE(desk.now_of<at_site::Train>().at(0).evaluate);
  desk.give(at_site::TrainProgress{desk.ever<at_site::Train>().back().job, 3, 9});
  desk.message(Kind::ping, 1, {});
  EXPECT_EQ(PongBody::read(desk.sent(Kind::pong)->body).steps, 0);
  desk.trained();
  EXPECT_TRUE(desk.now_of<at_site::Persist>().at(0).charged);
  desk.persisted();
  const ResultBody result = ResultBody::read(desk.sent(Kind::result)->body);
  EXPECT_FALSE(result.loss);
  EXPECT_THAT(result.metrics, IsEmpty());
  EXPECT_EQ(result.note, "");
  EXPECT_EQ(result.epsilon, 0.5);
}

TEST(SitePrivacy, TellsTheCoordinatorThatTheBudgetIsSpent) {
  SiteDesk desk;
  desk.instructions.privacy.set("clip", 1.0);
  desk.welcome();
  desk.task(1);
  desk.give(at_site::ReservationRefused{desk.now_of<at_site::Reserve>().at(0).job,
                                        "8.2 of 8 would be spent"});
  EXPECT_EQ(ReasonBody::read(desk.sent(Kind::failed)->body).code, "budget");
  EXPECT_THAT(desk.ever<at_site::Train>(), IsEmpty());
}

TEST(SitePrivacy, KeepsTheTextOfATrainingErrorToItself) {
  SiteDesk desk;
  desk.instructions.privacy.set("clip", 1.0);
  desk.welcome();
  desk.task(1);
  desk.give(at_site::Reserved{desk.now_of<at_site::Reserve>().at(0).job, 0.5, 1e-3});
  desk.give(at_site::TrainFailed{desk.now_of<at_site::Train>().at(0).job,
                                 "subject 17 has a loss of 4.2"});
  EXPECT_EQ(desk.sent(Kind::failed)->body.text("reason").find("17"), std::string::npos);
}

TEST(SitePrivacy, HidesNothingForAMechanismThatPromisesNothing) {
  SiteDesk desk;
  desk.instructions.mechanism.set("name", "percentile");
  desk.welcome();
  desk.task(1);
  const auto job = desk.now_of<at_site::Reserve>().at(0).job;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  desk.give(at_site::Reserved{job, kInfinity, 1e-5, kInfinity});
  desk.trained();
  desk.persisted();
  const ResultBody result = ResultBody::read(desk.sent(Kind::result)->body);
  EXPECT_TRUE(result.loss);
  EXPECT_EQ(result.epsilon, kInfinity) << "and says so";
}

// All that a site says in a round under privacy, asked how it is at every step, when training made
// this of its data.
std::vector<std::string> said(const TrainResult& result, std::int64_t steps_done, double seconds) {
  SiteDesk desk;
  desk.instructions.privacy.set("clip", 1.0);
  desk.options.release_every = 60;
  desk.welcome();
  const auto ask = [&] { desk.message(Kind::ping, 1, {}); };
  desk.task(1);
  ask();
  desk.give(at_site::Reserved{desk.ever<at_site::Reserve>().back().job, 0.5, 1e-3});
  ask();
  desk.give(at_site::TrainProgress{desk.ever<at_site::Train>().back().job, steps_done, 9});
  ask();
  desk.after(seconds);
  desk.give(at_site::Trained{desk.ever<at_site::Train>().back().job, result, desk.update});
  ask();
  desk.persisted();
  ask();
  desk.at(1000 + 59);
  ask();
  desk.at(1000 + 60);
  ask();
  std::vector<std::string> messages;
  for (const auto& send : desk.ever<at_site::Send>())
    messages.push_back(std::string(name_of(send.message.kind)) + "\n" +
                       send.message.body.to_toml());
  return messages;
}

TEST(SitePrivacy, SaysTheSameWhateverItsDataAreAndHoweverLongTheyTake) {
  const TrainResult one{.weight = 4, .steps = 4, .loss = 0.25, .metrics = {}, .note = ""};
  const TrainResult other{.weight = 4,
                          .steps = 4,
                          .loss = 7.5,
                          .metrics = {{"dice_wt", 0.5, 2}},
                          .note = "2 gradients of patient 7 were not finite"};
  const auto first = said(one, 1, 3), second = said(other, 8, 44);
  EXPECT_EQ(first, second);
  ASSERT_FALSE(first.empty());
  EXPECT_EQ(std::count_if(first.begin(), first.end(),
                          [](const std::string& text) { return text.starts_with("result"); }),
            1);
}

TEST(SitePrivacy, LetsMetricsOutInTheRoundsThatPayForThemAndStillNoLoss) {
  for (const std::uint64_t round : {1u, 2u}) {
    SiteDesk desk;
    desk.instructions.privacy.set("clip", 1.0);
    desk.instructions.privacy.set("metrics_every", 2);
    desk.welcome();
    desk.task(round);
    desk.give(at_site::Reserved{desk.ever<at_site::Reserve>().back().job, 0.5, 1e-3});
    EXPECT_EQ(desk.now_of<at_site::Train>().at(0).evaluate, round == 1);
    desk.trained();
    desk.persisted();
    const ResultBody result = ResultBody::read(desk.sent(Kind::result)->body);
    EXPECT_EQ(result.metrics.size(), round == 1 ? 1u : 0u);
    EXPECT_FALSE(result.loss);
    EXPECT_EQ(result.note, "");
  }
}

TEST(SitePrivacy, HoldsAResultBackUntilAMultipleOfItsTime) {
  SiteDesk desk;
  desk.instructions.privacy.set("clip", 1.0);
  desk.options.release_every = 60;
  desk.welcome();
  desk.task(1);
  desk.give(at_site::Reserved{desk.ever<at_site::Reserve>().back().job, 0.5, 1e-3});
  desk.after(61);
  desk.trained();
  desk.persisted();
  EXPECT_EQ(desk.times_sent(Kind::result), 0u);
  EXPECT_LE(desk.machine().next_tick(), 1000 + 120);
  desk.at(1000 + 119);
  EXPECT_EQ(desk.times_sent(Kind::result), 0u);
  desk.at(1000 + 120);
  EXPECT_EQ(desk.times_sent(Kind::result), 1u);
}

TEST(SitePrivacy, ChargesAnewOnlyForAnotherModelAfterAnOutputWasStored) {
  SiteDesk desk;
  desk.instructions.privacy.set("clip", 1.0);
  desk.welcome();
  desk.task(1);
  desk.give(at_site::Reserved{desk.now_of<at_site::Reserve>().at(0).job, 0.5, 1e-3});
  desk.give(at_site::TrainFailed{desk.now_of<at_site::Train>().at(0).job, "out of memory"});
  desk.task(1, 2);  // nothing left the site: the same charge
  EXPECT_EQ(desk.now_of<at_site::Reserve>().at(0).attempt, 1u);
  desk.give(at_site::Reserved{desk.now_of<at_site::Reserve>().at(0).job, 0.5, 1e-3});
  desk.trained();
  desk.persisted();
  desk.model = blob_with(4, 5);
  desk.task(1, 3);
  EXPECT_EQ(desk.now_of<at_site::Reserve>().at(0).attempt, 2u);
}

TEST(SitePrivacy, TellsWhereItsLedgerStood) {
  SiteDesk desk;
  desk.instructions.privacy.set("clip", 1.0);
  desk.welcome();
  desk.task(1);
  const LedgerPosition position{.seq = 7, .head = {1, 2, 3}};
  desk.give(at_site::Reserved{desk.now_of<at_site::Reserve>().at(0).job, 0.5, 1e-3, 2.5, position});
  desk.trained();
  desk.persisted();
  const ResultBody result = ResultBody::read(desk.sent(Kind::result)->body);
  EXPECT_EQ(result.lifetime, 2.5);
  EXPECT_EQ(result.ledger, position);
}

TEST(SitePrivacy, HandsItsLedgerWhatTheCoordinatorRemembers) {
  SiteDesk desk;
  desk.options.layout = "";
  desk.start();
  const LedgerPosition position{.seq = 7, .head = {1, 2, 3}};
  const WelcomeBody body{"demo", "layout", 3, desk.instructions, position};
  desk.message(Kind::welcome, 1, body.write(), {}, desk.sent(Kind::join)->request);
  const auto prepare = desk.now_of<at_site::Prepare>().at(0);
  EXPECT_EQ(prepare.ledger, position);
  EXPECT_EQ(prepare.rounds, 3u);
  desk.give(at_site::PrepareFailed{"too little privacy is left"});
  EXPECT_THAT(ReasonBody::read(desk.sent(Kind::leave)->body).reason,
              testing::HasSubstr("too little"));
}

}  // namespace
}  // namespace collegium
