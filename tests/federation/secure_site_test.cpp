// What secure aggregation ties together, and what a site keeps to whoever asks.
#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <vector>

#include "federation/desks.h"
#include "federation/secure_terms.h"

namespace collegium {
namespace {

// A coordinator that hands one site another model, table or list of keys would tell its update from
// the sum: it has another session then, and its keys fit nobody's.
TEST(SecureSession, ChangesWithEverythingThatSitesMustSeeAlike) {
  const SecureTerms terms{.sites = {"s1", "s2", "s3"}, .threshold = 3, .minimum = 3, .life = "1"};
  std::vector<secagg::Peer> roster{{"s1", {1}}, {"s2", {2}}, {"s3", {3}}};
  Instructions asked;
  asked.training.set("lr", 0.1);
  asked.secure_aggregation = terms.write();
  const SecureAttempt attempt{.run = RunId{7}, .round = 1, .attempt = 1, .model = {9}};
  std::set<Digest> ids{secure_session(attempt, asked, roster).id};
  const auto another = [&](SecureAttempt changed, Instructions tables, const auto& peers) {
    ids.insert(secure_session(changed, tables, peers).id);
  };
  SecureAttempt changed = attempt;
  changed.model[5] = 1;
  another(changed, asked, roster);
  changed = attempt;
  changed.attempt = 2;
  another(changed, asked, roster);
  changed = attempt;
  changed.round = 2;
  another(changed, asked, roster);
  changed = attempt;
  changed.run[0] = 8;
  another(changed, asked, roster);
  Instructions tables = asked;
  tables.training.set("lr", 0.2);
  another(attempt, tables, roster);
  tables = asked;
  SecureTerms later = terms;
  later.life = "2";
  tables.secure_aggregation = later.write();
  another(attempt, tables, roster);
  roster[2].key[0] = 4;
  another(attempt, asked, roster);
  EXPECT_EQ(ids.size(), 8u);
}

// A site that was welcomed to a run and is asked for its first round.
class AskedSite : public testing::Test {
 protected:
  template <class Wanted>
  static std::optional<Wanted> find(const SiteActions& actions) {
    for (const SiteAction& action : actions)
      if (const auto* found = std::get_if<Wanted>(&action)) return *found;
    return std::nullopt;
  }
  static Instructions sums() {
    const SecureTerms terms{.sites = {"s1", "s2", "s3"}, .threshold = 3, .minimum = 3, .life = "1"};
    Instructions asked;
    asked.secure_aggregation = terms.write();
    return asked;
  }
  static Instructions noised_sums() {
    Instructions asked = sums();
    asked.privacy.set("unit", "site");
    asked.privacy.set("where", "sum");
    return asked;
  }
  static std::string code_of_failure(const SiteActions& actions) {
    const auto sent = find<at_site::Send>(actions);
    if (!sent || sent->message.kind != Kind::failed) return "";
    return ReasonBody::read(sent->message.body).code;
  }

  void join() {
    options.name = "s1";
    options.layout = "layout";
    site.emplace(options);
    const auto joined = site->handle(Started{1});
    const auto request = std::get<at_site::Send>(joined.at(0)).message.request;
    site->handle(at_site::MessageFrom{
        {Kind::welcome, run, 1, request, WelcomeBody{"run", "layout", 1, sums(), {}}.write(), {}}});
  }
  SiteActions task(const Instructions& asked) {
    const TaskBody body{.deadline = 60, .model = {model->id, true}, .instructions = asked};
    return site->handle(at_site::MessageFrom{{Kind::task, run, 1, 0, body.write(1), model->bytes}});
  }
  SiteActions trained(std::uint64_t job) {
    TrainResult result;
    result.steps = 1;
    return site->handle(at_site::Trained{job, result, blob_with(5, 2)});
  }

  SiteOptions options;
  std::optional<Site> site;
  const RunId run{7};
  const SharedBlob model = blob_with(5, 1);
};

// A coordinator that asks for a sum first, and for the update itself once it is trained.
TEST_F(AskedSite, DoesNotGiveAsItIsWhatItTrainedForASumWhereThePolicyRequiresSums) {
  options.policy = [](const Settings& task) -> std::optional<PolicyRefusal> {
    if (!task.table("secure_aggregation").keys().empty()) return std::nullopt;
    return PolicyRefusal{"secure_aggregation", "only in sums"};
  };
  join();
  const auto order = find<at_site::Train>(task(sums()));
  ASSERT_TRUE(order);
  const auto keep = find<at_site::Persist>(trained(order->job));
  ASSERT_TRUE(keep);
  EXPECT_TRUE(find<at_site::SecureStep>(site->handle(at_site::Persisted{keep->job})));

  const SiteActions answered = task(Instructions{});
  const auto serve = find<at_site::Serve>(answered);
  EXPECT_TRUE(!serve || !serve->blob);
  EXPECT_EQ(code_of_failure(answered), "policy");
}

// The update is without noise until it is masked: no disk, no ledger and no line sees it before.
TEST_F(AskedSite, KeepsInMemoryWhatOwesItsNoise) {
  join();
  const SiteActions asked = task(noised_sums());
  EXPECT_FALSE(find<at_site::Reserve>(asked)) << "charged when it is drawn";
  const auto order = find<at_site::Train>(asked);
  ASSERT_TRUE(order);
  const SiteActions after = trained(order->job);
  EXPECT_FALSE(find<at_site::Persist>(after));
  EXPECT_FALSE(find<at_site::Send>(after));
  const auto step = find<at_site::SecureStep>(after);
  ASSERT_TRUE(step);
  EXPECT_TRUE(step->stored.owes_noise);
}

// Asked for the sum first, then for the update itself, or under a sum without noise.
TEST_F(AskedSite, TrainsAnewRatherThanGiveAnUpdateThatOwesItsNoise) {
  for (const bool in_a_sum : {false, true}) {
    join();
    const auto order = find<at_site::Train>(task(noised_sums()));
    ASSERT_TRUE(order);
    trained(order->job);
    const SiteActions answered = task(in_a_sum ? sums() : Instructions{});
    EXPECT_TRUE(find<at_site::Train>(answered));
    EXPECT_FALSE(find<at_site::Send>(answered));
    const auto serve = find<at_site::Serve>(answered);
    EXPECT_TRUE(!serve || !serve->blob);
    EXPECT_FALSE(find<at_site::SecureStep>(answered));
  }
}

TEST_F(AskedSite, RefusesNoiseOfASumThatIsNone) {
  join();
  Instructions asked = noised_sums();
  asked.secure_aggregation = {};
  EXPECT_EQ(code_of_failure(task(asked)), "privacy");
}

TEST_F(AskedSite, SaysWithItsKeysWhatTheDrawIsCharged) {
  join();
  const auto order = find<at_site::Train>(task(noised_sums()));
  ASSERT_TRUE(order);
  const auto step = find<at_site::SecureStep>(trained(order->job));
  ASSERT_TRUE(step);
  const auto sent = find<at_site::Send>(site->handle(at_site::SecureAnswered{
      step->job, blob_with(2, 1)->bytes, nullptr,
      at_site::Reserved{.job = step->job, .epsilon = 3, .delta = 1e-3, .lifetime = 4}}));
  ASSERT_TRUE(sent);
  const ResultBody body = ResultBody::read(sent->message.body);
  EXPECT_EQ(body.epsilon, 3);
  EXPECT_EQ(body.lifetime, 4);
}

}  // namespace
}  // namespace collegium
