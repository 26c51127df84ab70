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

// A coordinator that asks for a sum first, and for the update itself once it is trained.
TEST(SecureSite, AnUpdateTrainedForASumDoesNotLeaveAsItIsWhereThePolicyRequiresSums) {
  SiteOptions options;
  options.name = "s1";
  options.layout = "layout";
  options.policy = [](const Settings& task) -> std::optional<PolicyRefusal> {
    if (!task.table("secure_aggregation").keys().empty()) return std::nullopt;
    return PolicyRefusal{"secure_aggregation", "only in sums"};
  };
  Site site(options);
  const auto joined = site.handle(Started{1});
  const auto request = std::get<at_site::Send>(joined.at(0)).message.request;
  SecureTerms terms{.sites = {"s1", "s2", "s3"}, .threshold = 3, .minimum = 3, .life = "1"};
  Instructions sums;
  sums.secure_aggregation = terms.write();
  const RunId run{7};
  site.handle(at_site::MessageFrom{
      {Kind::welcome, run, 1, request, WelcomeBody{"run", "layout", 1, sums, {}}.write(), {}}});
  const SharedBlob model = blob_with(5, 1);
  const auto task = [&](const Instructions& asked) {
    const TaskBody body{.deadline = 60, .model = {model->id, true}, .instructions = asked};
    return site.handle(at_site::MessageFrom{{Kind::task, run, 1, 0, body.write(1), model->bytes}});
  };
  const auto find = [](const SiteActions& actions, auto kind) {
    using Wanted = decltype(kind);
    for (const SiteAction& action : actions)
      if (const auto* found = std::get_if<Wanted>(&action)) return std::optional(*found);
    return std::optional<Wanted>();
  };
  const auto order = find(task(sums), at_site::Train{});
  ASSERT_TRUE(order);
  TrainResult result;
  result.steps = 1;
  const auto keep =
      find(site.handle(at_site::Trained{order->job, result, blob_with(5, 2)}), at_site::Persist{});
  ASSERT_TRUE(keep);
  EXPECT_TRUE(find(site.handle(at_site::Persisted{keep->job}), at_site::SecureStep{}));

  const SiteActions answered = task(Instructions{});
  const auto serve = find(answered, at_site::Serve{});
  EXPECT_TRUE(!serve || !serve->blob);
  const auto sent = find(answered, at_site::Send{});
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->message.kind, Kind::failed);
  EXPECT_EQ(ReasonBody::read(sent->message.body).code, "policy");
}

}  // namespace
}  // namespace collegium
