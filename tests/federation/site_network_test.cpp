// How a site comes to a network that somebody captured.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "federation/desks.h"

namespace collegium {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using Phase = SiteSnapshot::Phase;

// A site that is told of a captured network: `file`, as the coordinator names it.
struct CapturedDesk : SiteDesk {
  CapturedDesk() {
    options.layout = "";
    instructions.network.set("name", "graph");
    instructions.network.set("graph", file->id.to_settings());
  }
  void fetched() { give(at_site::ModelReady{file->id, file->bytes}); }
  void told_to_fetch() {
    welcome();
    give(at_site::NetworkMissing{file->id});
  }
  std::string goodbye() const {
    const auto leave = sent(Kind::leave);
    return leave ? ReasonBody::read(leave->body).reason : "it has not left";
  }

  SharedBlob file = blob_with(5, 2.0f);
};

TEST(SiteNetwork, IsFetchedUnderTheRoundOfNetworksAndBuiltFromItsFile) {
  CapturedDesk desk;
  desk.welcome();
  EXPECT_EQ(desk.now_of<at_site::FindNetwork>().at(0).blob, desk.file->id);
  EXPECT_EQ(desk.phase(), Phase::fetching);
  desk.give(at_site::NetworkMissing{desk.file->id});
  EXPECT_EQ(desk.now_of<at_site::Pull>().at(0).round, kNetworkRound);
  EXPECT_EQ(desk.now_of<at_site::Pull>().at(0).blob, desk.file->id);
  desk.fetched();
  const at_site::Prepare prepare = desk.now_of<at_site::Prepare>().at(0);
  EXPECT_EQ(prepare.file_id, desk.file->id);
  EXPECT_TRUE(matches(desk.file->id, prepare.file));
  EXPECT_EQ(prepare.network.text("name"), "graph");
}

TEST(SiteNetwork, IsNotFetchedAgainWhenItWasKept) {
  CapturedDesk desk;
  desk.welcome();
  desk.give(at_site::NetworkFound{desk.file->id, desk.file->bytes});
  EXPECT_EQ(desk.now_of<at_site::Prepare>().size(), 1u);
  EXPECT_THAT(desk.ever<at_site::Pull>(), IsEmpty());
}

TEST(SiteNetwork, IsShownToThePolicyBeforeAByteOfItIsFetched) {
  CapturedDesk desk;
  desk.options.policy = [](const Settings& welcome) -> std::optional<PolicyRefusal> {
    EXPECT_EQ(welcome.table("network").text("name"), "graph");
    EXPECT_EQ(welcome.integer("rounds"), 3);
    return PolicyRefusal{"models", "not here"};
  };
  desk.welcome();
  EXPECT_THAT(desk.ever<at_site::FindNetwork>(), IsEmpty());
  EXPECT_EQ(ReasonBody::read(desk.sent(Kind::leave)->body).code, "unable");
  EXPECT_THAT(desk.goodbye(), HasSubstr("(models): not here"));
  EXPECT_THAT(desk.now_of<at_site::Stop>().at(0).reason, HasSubstr("(models): not here"));
}

TEST(SiteNetwork, KeepsATaskUntilItIsBuilt) {
  CapturedDesk desk;
  desk.told_to_fetch();
  desk.task(1);
  desk.fetched();
  EXPECT_THAT(desk.ever<at_site::Train>(), IsEmpty());
  desk.give(at_site::Prepared{"layout"});
  EXPECT_EQ(desk.now_of<at_site::Train>().size(), 1u);
}

TEST(SiteNetwork, IsAskedForAgainWhenTheLineWasCut) {
  CapturedDesk desk;
  desk.told_to_fetch();
  desk.give(at_site::LineRestored{});
  desk.welcome();
  EXPECT_EQ(desk.now_of<at_site::Pull>().size(), 1u);
  EXPECT_THAT(desk.now_of<at_site::FindNetwork>(), IsEmpty());
}

TEST(SiteNetwork, ThatCannotBeHadEndsTheSiteWithTheReason) {
  CapturedDesk desk;
  desk.told_to_fetch();
  for (int attempt = 1; attempt <= desk.options.model_attempts; ++attempt) {
    desk.after(desk.options.result_at_most / 2);
    EXPECT_EQ(desk.ever<at_site::Pull>().size(), static_cast<std::size_t>(attempt));
    desk.message(Kind::ping, 1, {});
    desk.give(at_site::ModelFailed{desk.file->id, "a chunk is not the one its hash names"});
  }
  EXPECT_EQ(desk.ever<at_site::Stop>().at(0).outcome, Outcome::failed);
  EXPECT_THAT(desk.goodbye(), HasSubstr("a chunk is not the one its hash names"));
}

TEST(SiteNetwork, ThatComesTooSlowlyIsAskedForAgain) {
  CapturedDesk desk;
  desk.told_to_fetch();
  desk.after(desk.options.pull_stall);  // nothing came
  desk.after(desk.options.result_at_most);
  EXPECT_EQ(desk.ever<at_site::Pull>().size(), 2u);
}

TEST(SiteNetwork, ThatIsRefusedWhenItIsBuiltIsNamedToBothEnds) {
  CapturedDesk desk;
  desk.told_to_fetch();
  desk.fetched();
  desk.give(at_site::PrepareFailed{"[policy.graph] nodes: expected at most 10, found 12"});
  EXPECT_THAT(desk.goodbye(), HasSubstr("[policy.graph] nodes"));
  EXPECT_THAT(desk.now_of<at_site::Stop>().at(0).reason, HasSubstr("[policy.graph] nodes"));
}

TEST(SiteNetwork, IsGivenUpWhenTheRunEndsMeanwhile) {
  CapturedDesk desk;
  desk.told_to_fetch();
  FinishedBody ended;
  ended.outcome = "stopped";
  desk.message(Kind::finished, 3, ended.write());
  EXPECT_EQ(desk.now_of<at_site::CancelPull>().size(), 1u);
  EXPECT_EQ(desk.now_of<at_site::Stop>().at(0).outcome, Outcome::stopped);
}

TEST(SiteNetwork, WithoutAProperNameIsRefused) {
  CapturedDesk desk;
  Settings name;
  name.set("digest", "not hex");
  desk.instructions.network.set("graph", name);
  desk.welcome();
  EXPECT_THAT(desk.goodbye(), HasSubstr("does not name a blob"));
  EXPECT_TRUE(desk.machine().done());
}

TEST(CoordinatorNetwork, IsPublishedOnceForTheWholeRun) {
  CoordinatorDesk desk;
  desk.options.network_file = blob_with(5, 2.0f);
  desk.start();
  EXPECT_EQ(desk.now_of<at_coordinator::Publish>().at(0).blob->id, desk.options.network_file->id);
  desk.join_all();
  EXPECT_EQ(desk.ever<at_coordinator::Publish>().size(), 1u);
}

}  // namespace
}  // namespace collegium
