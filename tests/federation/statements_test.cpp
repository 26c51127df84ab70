// Who can prove what afterwards: a site signs its result, the coordinator what it accepts.
#include "federation/statements.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <set>

#include "federation/desks.h"

namespace collegium {
namespace {

const SigningKey kGuys = SigningKey::generate();
const SigningKey kServer = SigningKey::generate();

ResultBody claim() {
  ResultBody body;
  body.model.fill(1);
  body.steps = 7;
  body.weight = 2.5;
  body.epsilon = 1.5;
  body.lifetime = 3.0;
  body.delta = 1e-5;
  body.ledger = LedgerPosition{3, Digest{4}};
  body.recorded = LedgerPosition{5, Digest{6}};
  body.update.id = {Digest{7}, 16};
  return body;
}

TEST(ContributionStatement, ChangesWithEveryFactInIt) {
  const RunId run{1};
  std::set<std::string> texts{contribution_statement(run, "guys", 1, claim())};
  std::size_t expected = 1;
  const auto differs = [&](const RunId& of_run, const char* site, std::uint64_t round,
                           auto change) {
    ResultBody body = claim();
    change(body);
    texts.insert(contribution_statement(of_run, site, round, body));
    EXPECT_EQ(texts.size(), ++expected);
  };
  const auto nothing = [](ResultBody&) {};
  differs(RunId{2}, "guys", 1, nothing);
  differs(run, "kings", 1, nothing);
  differs(run, "guys", 2, nothing);
  differs(run, "guys", 1, [](ResultBody& body) { body.attempt = 2; });
  differs(run, "guys", 1, [](ResultBody& body) { body.model.fill(2); });
  differs(run, "guys", 1, [](ResultBody& body) { body.update.id.digest.fill(2); });
  differs(run, "guys", 1, [](ResultBody& body) { body.steps = 8; });
  differs(run, "guys", 1, [](ResultBody& body) { body.weight = std::nextafter(2.5, 3.0); });
  differs(run, "guys", 1, [](ResultBody& body) { body.epsilon = 1.0; });
  differs(run, "guys", 1, [](ResultBody& body) { body.epsilon.reset(); });
  differs(run, "guys", 1, [](ResultBody& body) { body.lifetime = 4.0; });
  differs(run, "guys", 1, [](ResultBody& body) { body.delta = 1e-6; });
  differs(run, "guys", 1, [](ResultBody& body) { body.ledger->seq = 4; });
  differs(run, "guys", 1, [](ResultBody& body) { body.recorded->head.fill(9); });
  differs(run, "guys", 1, [](ResultBody& body) { body.recorded.reset(); });
}

TEST(ContributionStatement, IsTheSameAtBothEndsOfTheLine) {
  ResultBody sent = claim();
  sent.weight = 1.0 / 3.0;
  sent.lifetime = std::numeric_limits<double>::infinity();
  const ResultBody read = ResultBody::read(Settings::parse(sent.write().to_toml(), "the line"));
  EXPECT_EQ(contribution_statement(RunId{1}, "guys", 1, read),
            contribution_statement(RunId{1}, "guys", 1, sent));
}

// A signed result of guys for round 1 of the desk's run; `change` comes after the signature.
template <class Change>
void give_signed(CoordinatorDesk& desk, const SigningKey& key, Change change) {
  ResultBody body = claim();
  body.model = desk.model()->id.digest;
  const SharedBlob update = blob_with(4, 1.0f);
  body.update = {update->id, true};
  body.signature = sign_text(key, contribution_statement(desk.options.run, "guys", 1, body));
  change(body);
  desk.message("guys", Kind::result, 1, body.write(), update->bytes);
}

struct Signing : testing::Test {
  Signing() {
    desk.options.sites = {"guys"};
    desk.options.min_sites = 1;
    desk.options.signing = kServer;
    desk.options.signers = {{"guys", {kGuys.verify_key()}}};
    desk.options.attempts = 1;
    desk.join_all();
  }
  void expect_refused() {
    EXPECT_EQ(desk.reason("guys", Kind::rejected).code, "bad_signature");
    EXPECT_EQ(desk.contribution("guys").state, Contribution::State::rejected);
  }
  CoordinatorDesk desk;
};

TEST_F(Signing, BothStatementsOfAnAcceptedContributionStandInItsRecord) {
  give_signed(desk, kGuys, [](ResultBody&) {});
  desk.accumulate();
  desk.close(1, 1.0f);
  const Contribution one = desk.contribution("guys");
  ASSERT_TRUE(one.claim && one.receipt);
  EXPECT_TRUE(verify_text(kGuys.verify_key(), one.claim->text, one.claim->signature));
  EXPECT_TRUE(verify_text(kServer.verify_key(), one.receipt->text, one.receipt->signature));
  EXPECT_THAT(one.receipt->text, testing::HasSubstr(to_hex(one.update->digest)));
  const RoundRecord record = desk.ever<at_coordinator::PersistRound>().back().record;
  EXPECT_EQ(record.after, desk.model()->id.digest);
  EXPECT_NE(record.before, record.after);
}

TEST_F(Signing, AResultWithoutASignatureIsRefusedByName) {
  give_signed(desk, kGuys, [](ResultBody& body) { body.signature.reset(); });
  expect_refused();
}

TEST_F(Signing, AResultThatSomebodyElseSignedIsRefusedByName) {
  give_signed(desk, SigningKey::generate(), [](ResultBody&) {});
  expect_refused();
}

TEST_F(Signing, AClaimThatWasChangedAfterItWasSignedIsRefusedByName) {
  give_signed(desk, kGuys, [](ResultBody& body) { body.weight = 3; });
  expect_refused();
}

TEST_F(Signing, ASiteThatJoinsWithAnotherKeyThanItsRegisteredOneIsToldSo) {
  JoinBody body{kProtocolVersion, "test", "layout", kServer.verify_key()};
  desk.message("guys", Kind::join, 0, body.write());
  EXPECT_EQ(desk.reason("guys", Kind::refuse).code, "wrong_key");
}

TEST_F(Signing, ASiteThatChangesItsKeysMaySignWithBoth) {
  const SigningKey next = SigningKey::generate();
  desk.give(at_coordinator::KeysChanged{{{"guys", {next.verify_key(), kGuys.verify_key()}}}});
  give_signed(desk, next, [](ResultBody&) {});
  EXPECT_FALSE(desk.sent("guys", Kind::rejected));
}

TEST_F(Signing, ASiteWhoseKeyIsRevokedIsLostAtOnce) {
  desk.give(at_coordinator::KeysChanged{});
  EXPECT_EQ(desk.machine().snapshot().sites.at(0).state, SiteView::State::away);
  EXPECT_TRUE(desk.logged("revoked"));
}

TEST(Unregistered, AKeyThatASiteJoinsWithCountsWhereNoneIsRegistered) {
  CoordinatorDesk desk;
  desk.options.sites = {"guys"};
  desk.options.min_sites = desk.options.attempts = 1;
  JoinBody body{kProtocolVersion, "test", "layout", kGuys.verify_key()};
  desk.message("guys", Kind::join, 0, body.write());
  give_signed(desk, kServer, [](ResultBody&) {});
  EXPECT_EQ(desk.reason("guys", Kind::rejected).code, "bad_signature");
}

// ---- at the site

struct SigningSite : testing::Test {
  SigningSite() {
    desk.options.signing = kGuys;
    desk.options.coordinator = kServer.verify_key();
    desk.welcome();
    desk.task(1);
    desk.trained();
    desk.persisted();
  }
  void answer(const SigningKey& key, std::uint64_t signed_round) {
    const Digest update = desk.update->id.digest;
    ReasonBody body{.update = update};
    body.recorded = LedgerPosition{2, Digest{3}};
    body.signature =
        sign_text(key, acceptance_statement(desk.run, "guys", signed_round, update, body.recorded));
    desk.message(Kind::accepted, 1, body.write());
  }
  std::vector<std::string> kinds() const {
    std::vector<std::string> kinds;
    for (const auto& entry : desk.ever<at_site::Log>()) kinds.push_back(entry.record.kind);
    return kinds;
  }
  SiteDesk desk;
};

TEST_F(SigningSite, SignsItsResultAndWritesTheSameIntoItsLog) {
  const auto message = desk.sent(Kind::result);
  ASSERT_TRUE(message);
  const ResultBody body = ResultBody::read(message->body);
  const std::string text = contribution_statement(desk.run, "guys", 1, body);
  ASSERT_TRUE(body.signature);
  EXPECT_TRUE(verify_text(kGuys.verify_key(), text, *body.signature));
  const Record record = desk.ever<at_site::Log>().back().record;
  EXPECT_EQ(record.kind, "result");
  EXPECT_EQ(record.fields.at("claim"), text);
  EXPECT_EQ(record.fields.at("claim_signature"), to_hex(*body.signature));
  EXPECT_THAT(kinds(), testing::ElementsAre("joined", "task", "result"));
}

TEST_F(SigningSite, KeepsTheReceiptOfWhatCounts) {
  answer(kServer, 1);
  EXPECT_EQ(desk.phase(), SiteSnapshot::Phase::accepted);
  const Record record = desk.ever<at_site::Log>().back().record;
  EXPECT_EQ(record.kind, "accepted");
  EXPECT_EQ(record.fields.at("coordinator"), to_hex(kServer.verify_key()));
}

TEST_F(SigningSite, AnAnswerThatTheCoordinatorDidNotSignDoesNotCount) {
  answer(kGuys, 1);
  EXPECT_EQ(desk.phase(), SiteSnapshot::Phase::announced);
  answer(kServer, 2);  // signed, for another round
  EXPECT_EQ(desk.phase(), SiteSnapshot::Phase::announced);
  desk.message(Kind::accepted, 1, ReasonBody{.update = desk.update->id.digest}.write());
  EXPECT_EQ(desk.phase(), SiteSnapshot::Phase::announced);
  EXPECT_THAT(kinds(), testing::Not(testing::Contains("accepted")));
}

TEST_F(SigningSite, SendsAgainWhatItSignedBefore) {
  const Settings first = desk.sent(Kind::result)->body;
  desk.after(desk.options.result_after);
  ASSERT_TRUE(desk.sent(Kind::result));
  EXPECT_EQ(desk.sent(Kind::result)->body.to_toml(), first.to_toml());
}

TEST(SiteLog, NamesTheRuleThatRefusedATask) {
  SiteDesk desk;
  desk.options.signing = kGuys;
  desk.options.policy = [](const Settings&) { return PolicyRefusal{"models", "not this one"}; };
  desk.welcome();
  desk.task(1);
  const Record record = desk.ever<at_site::Log>().back().record;
  EXPECT_EQ(record.kind, "task");
  EXPECT_EQ(record.fields.at("refused"), "models");
}

}  // namespace
}  // namespace collegium
