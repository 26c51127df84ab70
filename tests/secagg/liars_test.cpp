// Coordinators and sites that lie, and who refuses what.
#include <gtest/gtest.h>

#include "secagg/table.h"
#include "support/expect_problem.h"

namespace collegium::secagg {
namespace {

using testing::HasSubstr;
using Words = std::vector<std::uint32_t>;

class Liars : public testing::Test {
 protected:
  // Everybody's honest steps before `step`.
  void reach(Step step) {
    while (table.server.step() != step) table.step({}, inputs);
  }
  Problem refusal(std::uint32_t site, Step step, const Octets& request) {
    return problem_of([&] { table.client(site).answer(step, request); });
  }

  Session session = session_of(5);
  Table<std::uint32_t> table{session};
  std::map<std::uint32_t, Words> inputs = random_inputs<std::uint32_t>(5, 3, 1);
};

TEST_F(Liars, SessionsThatAreNotSafeAreRefusedByEverySite) {
  ScriptedRandom random(1);
  const auto problem = [&](auto change) {
    Session session = session_of(6);
    change(session);
    return problem_of(
               [&] { SecureAggregationClient(session, 1, identity_of(1), random, OpenedBook{}); })
        .what;
  };
  EXPECT_THAT(problem([](Session& s) { s.threshold = 4; }), HasSubstr("threshold is not safe"));
  EXPECT_THAT(problem([](Session& s) { s.threshold = 7; }), HasSubstr("threshold is not safe"));
  EXPECT_THAT(problem([](Session& s) { s.minimum = 4; }), HasSubstr("too few sites"));
  EXPECT_THAT(problem([](Session& s) { s.roster.resize(2); }), HasSubstr("number of sites"));
  EXPECT_THAT(problem([](Session& s) { std::swap(s.roster[0], s.roster[1]); }),
              HasSubstr("not that of its place in the roster"));
  EXPECT_EQ(smallest_threshold(3), 3u);
  EXPECT_EQ(smallest_threshold(13), 9u);
  EXPECT_EQ(smallest_threshold(100), 67u);
}

// A coordinator that puts keys of its own in the place of a site's would read that site's shares
// and know its masks.
TEST_F(Liars, KeysThatTheSiteDidNotSignAreRefusedByTheSitesName) {
  reach(Step::share);
  auto adverts = read_adverts(table.server.request(1), session);
  ScriptedRandom random(5);
  adverts[2].mask = AgreementPair::random(random).public_key;
  EXPECT_EQ(refusal(1, Step::share, encode(adverts)).where, "site3");
  adverts[2].sign(session, identity_of(4));  // by another site of the roster
  EXPECT_EQ(refusal(1, Step::share, encode(adverts)).where, "site3");
}

TEST_F(Liars, KeysOfAnotherAttemptOrRoundAreRefused) {
  Session earlier = session;
  earlier.round = 6;
  Session other_attempt = session;
  other_attempt.id.fill(0x12);
  reach(Step::share);
  for (const Session& another : {earlier, other_attempt}) {
    Table<std::uint32_t> before(another, 9);
    before.step({}, inputs);
    auto adverts = read_adverts(table.server.request(1), session);
    adverts[3] = read_adverts(before.seen.at(Step::advertise).at(4), session)[0];
    EXPECT_EQ(refusal(1, Step::share, encode(adverts)).where, "site4");
  }
}

TEST_F(Liars, KeysOfSmallOrderAreRefusedEvenWhenTheirSiteSignedThem) {
  reach(Step::share);
  auto adverts = read_adverts(table.server.request(1), session);
  adverts[4].mask.fill(0);
  adverts[4].sign(session, identity_of(5));
  const Problem problem = refusal(1, Step::share, encode(adverts));
  EXPECT_THAT(problem.what, HasSubstr("small order"));
  EXPECT_EQ(problem.where, "site5");
}

TEST_F(Liars, ASiteIsNotShownOtherKeysOfItsOwn) {
  reach(Step::share);
  Table<std::uint32_t> again(session, 77);  // the same site, other keys: signed by itself
  again.step({}, inputs);
  auto adverts = read_adverts(table.server.request(1), session);
  adverts[0] = read_adverts(again.seen.at(Step::advertise).at(1), session)[0];
  EXPECT_THAT(refusal(1, Step::share, encode(adverts)).what, HasSubstr("other keys of this site"));
  auto without = read_adverts(table.server.request(2), session);
  without.erase(without.begin());
  EXPECT_THAT(refusal(1, Step::share, encode(without)).what, HasSubstr("without this site"));
}

TEST_F(Liars, ASecondListOfSitesIsRefusedInEveryStep) {
  reach(Step::done);
  for (const Step step : {Step::share, Step::mask, Step::sign, Step::unmask}) {
    const Octets& answer = table.seen.at(step).at(1);
    EXPECT_THAT(refusal(1, step, Octets{1, 2, 3}).what, HasSubstr("two different requests"));
    EXPECT_FALSE(answer.empty() && step != Step::mask);
  }
}

TEST_F(Liars, TheSameRequestGetsTheSameAnswer) {
  reach(Step::share);
  const Octets request = table.server.request(2);
  const Octets answer = table.client(2).answer(Step::share, request);
  EXPECT_EQ(table.client(2).answer(Step::share, request), answer);
}

TEST_F(Liars, StepsOutOfTurnAreRefused) {
  reach(Step::share);
  EXPECT_THAT(refusal(1, Step::unmask, {}).what, HasSubstr("out of turn"));
  EXPECT_THAT(refusal(1, Step::mask, {}).what, HasSubstr("out of turn"));
}

// Sum of two sites, one of whom is in league: the other's vector.
TEST_F(Liars, SumsOfTooFewSitesAreRefusedInEveryStep) {
  reach(Step::share);
  auto adverts = read_adverts(table.server.request(1), session);
  adverts.resize(3);
  EXPECT_THAT(refusal(1, Step::share, encode(adverts)).what, HasSubstr("too few sites took part"));
  reach(Step::mask);
  auto envelopes = read_envelopes(table.server.request(1), session);
  envelopes.resize(2);
  EXPECT_THAT(refusal(1, Step::mask, encode(envelopes)).what, HasSubstr("too few sites shared"));
  reach(Step::sign);
  EXPECT_THAT(refusal(1, Step::sign, encode(SiteList{1, 2, 3})).what,
              HasSubstr("too few sites are in the sum"));
  reach(Step::unmask);
  auto signatures = read_signatures(table.server.request(1), session);
  signatures.resize(3);
  EXPECT_THAT(refusal(1, Step::unmask, encode(signatures)).what, HasSubstr("too few sites signed"));
}

TEST_F(Liars, SharesForAnotherSiteOrFromAnotherAttemptDoNotOpen) {
  Session earlier = session;
  earlier.round = 6;
  reach(Step::mask);
  auto mine = read_envelopes(table.server.request(1), session);
  const auto theirs = read_envelopes(table.server.request(2), session);
  auto swapped = mine;  // what site 3 sealed for site 2
  swapped[1] = theirs[1];
  EXPECT_EQ(refusal(1, Step::mask, encode(swapped)).where, "site3");
  swapped = mine;  // what site 3 sealed for this site, as if from site 4
  swapped[2].sealed = mine[1].sealed;
  EXPECT_EQ(refusal(1, Step::mask, encode(swapped)).where, "site4");
  swapped = mine;
  swapped[0].sealed[40] ^= 1;
  EXPECT_EQ(refusal(1, Step::mask, encode(swapped)).where, "site2");

  ScriptedRandom random(2);
  const SharePair pair{random_scalar(random), random_scalar(random)};
  SharedKey key{};
  const Sealed sealed = seal(pair, key, session, 1, 2, random);
  EXPECT_TRUE(open(sealed, key, session, 1, 2));
  EXPECT_FALSE(open(sealed, key, earlier, 1, 2));
  EXPECT_FALSE(open(sealed, key, session, 2, 1));
  EXPECT_FALSE(open(sealed, key, session, 1, 3));
}

// The classic attack: to one half of the sites site 5 is said to be in the sum, to the other half
// to be missing. Then the coordinator would get shares of its mask and shares of its key.
TEST_F(Liars, TwoDifferentSumsAreRefusedByWhoeverSignedTheOther) {
  reach(Step::sign);
  const Octets all = encode(SiteList{1, 2, 3, 4, 5}), without = encode(SiteList{1, 2, 3, 4});
  std::vector<SiteSignature> signatures;
  for (std::uint32_t site = 1; site <= 4; ++site)
    signatures.push_back(read_signatures(
        table.client(site).answer(Step::sign, site <= 2 ? all : without), session)[0]);
  EXPECT_EQ(refusal(1, Step::unmask, encode(signatures)).where, "site3");
  EXPECT_EQ(refusal(3, Step::unmask, encode(signatures)).where, "site1");
  EXPECT_THAT(refusal(1, Step::sign, without).what, HasSubstr("two different requests"));
}

TEST_F(Liars, OfEverySiteOneShareIsGivenAwayAndItIsTheRightOne) {
  while (table.server.step() != Step::done) table.step({{{5, Step::mask}}}, inputs);
  for (std::uint32_t giver = 1; giver <= 4; ++giver) {
    const auto shares = read_shares(table.seen.at(Step::unmask).at(giver), session);
    ASSERT_EQ(shares.size(), 5u);
    for (std::uint32_t site = 1; site <= 5; ++site) EXPECT_EQ(shares[site - 1].site, site);
  }
  const auto secret_of = [&](std::uint32_t site) {
    std::vector<Scalar> shares;
    std::vector<std::uint32_t> givers;
    for (const auto& [giver, bytes] : table.seen.at(Step::unmask)) {
      givers.push_back(giver);
      shares.push_back(read_shares(bytes, session)[site - 1].value);
    }
    return combine(shares, lagrange_at_zero(givers));
  };
  const auto advert = [&](std::uint32_t site) {
    return read_adverts(table.seen.at(Step::advertise).at(site), session)[0];
  };
  EXPECT_EQ(commitment(secret_of(1)), advert(1).self);
  EXPECT_EQ(AgreementPair::from_seed(secret_of(5)).public_key, advert(5).mask);
}

TEST_F(Liars, SitesThatSharedNothingAreNotInASum) {
  while (table.server.step() != Step::sign) table.step({{{5, Step::share}}}, inputs);
  EXPECT_EQ(refusal(1, Step::sign, encode(SiteList{1, 2, 3, 4, 5})).where, "site5");
  EXPECT_THAT(refusal(1, Step::sign, encode(SiteList{2, 3, 4})).what, HasSubstr("too few"));
}

TEST_F(Liars, ASumIsOpenedOnlyAfterItIsWrittenDown) {
  SiteList written;
  ScriptedRandom random(1001);
  bool full = true;
  SecureAggregationClient careful(session, 1, identity_of(1), random, [&](const SiteList& sites) {
    if (full) throw SystemError(Problem{.what = "the disk is full"});
    written = sites;
  });
  careful.answer(Step::advertise, {});
  reach(Step::sign);  // `careful` draws what client 1 draws
  std::vector<Advert> adverts;
  for (const auto& [site, bytes] : table.seen.at(Step::advertise))
    adverts.push_back(read_adverts(bytes, session)[0]);
  careful.answer(Step::share, encode(adverts));
  std::vector<Envelope> inbox;
  for (std::uint32_t from = 2; from <= 5; ++from)
    for (const Envelope& one : read_envelopes(table.seen.at(Step::share).at(from), session))
      if (one.site == 1) inbox.push_back({from, one.sealed});
  careful.answer(Step::mask, encode(inbox));
  careful.answer(Step::sign, table.server.request(1));
  reach(Step::unmask);
  const Octets request = table.server.request(1);
  EXPECT_THAT(problem_of([&] { careful.answer(Step::unmask, request); }).what, HasSubstr("full"));
  EXPECT_TRUE(written.empty());
  full = false;
  EXPECT_FALSE(careful.answer(Step::unmask, request).empty());
  EXPECT_EQ(written, (SiteList{1, 2, 3, 4, 5}));
}

// What sites may try.
TEST_F(Liars, AFalseShareIsNoticedWithTheSiteWhoseSecretItSpoils) {
  reach(Step::unmask);
  for (std::uint32_t site = 1; site <= 5; ++site) {
    auto shares =
        read_shares(table.client(site).answer(Step::unmask, table.server.request(site)), session);
    if (site == 2) shares[3].value[0] ^= 1;
    table.server.take(site, encode(shares));
  }
  table.server.close();
  const Problem problem = problem_of([&] { table.server.unmasking(); });
  EXPECT_THAT(problem.what, HasSubstr("do not give the mask"));
  EXPECT_EQ(problem.where, "site4");
}

TEST_F(Liars, TheCoordinatorTakesNoAnswerForAnotherSiteOrOfAnotherStep) {
  reach(Step::share);
  const Octets advert = table.seen.at(Step::advertise).at(2);
  problem_of([&] { table.server.take(2, advert); });
  Table<std::uint32_t> fresh(session, 4);
  const Octets mine = fresh.client(1).answer(Step::advertise, {});
  EXPECT_EQ(problem_of([&] { fresh.server.take(2, mine); }).where, "site2");
  EXPECT_FALSE(fresh.server.answered(2));
  reach(Step::sign);
  const SiteSignature other{1, identity_of(1).sign(survivors_text(session, SiteList{1, 2, 3, 4}))};
  EXPECT_EQ(problem_of([&] { table.server.take(1, encode(std::span(&other, 1))); }).where, "site1");
}

}  // namespace
}  // namespace collegium::secagg
