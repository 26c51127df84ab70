#include "secagg/messages.h"

#include <gtest/gtest.h>

#include <random>

#include "secagg/table.h"
#include "support/expect_problem.h"

namespace collegium::secagg {
namespace {

TEST(SecureMessages, ComeBackAsTheyWere) {
  Session session = session_of(5);
  Table<std::uint32_t> table(session);
  table.run({}, random_inputs<std::uint32_t>(5, 3, 1));
  for (const auto& [site, bytes] : table.seen.at(Step::advertise))
    EXPECT_EQ(encode(read_adverts(bytes, session)), bytes);
  for (const auto& [site, bytes] : table.seen.at(Step::share))
    EXPECT_EQ(encode(read_envelopes(bytes, session)), bytes);
  for (const auto& [site, bytes] : table.seen.at(Step::sign))
    EXPECT_EQ(encode(read_signatures(bytes, session)), bytes);
  for (const auto& [site, bytes] : table.seen.at(Step::unmask))
    EXPECT_EQ(encode(read_shares(bytes, session)), bytes);
}

TEST(SecureMessages, ListsThatAreNotInOrderOrNotOfTheRosterAreRefused) {
  const Session session = session_of(4);
  for (const SiteList& list : {SiteList{}, {0, 1}, {1, 1}, {2, 1}, {1, 5}, {1, 2, 3, 4, 5}})
    problem_of([&] { read_sites(encode(list), session); });
  EXPECT_EQ(read_sites(encode(SiteList{1, 4}), session), (SiteList{1, 4}));
  problem_of([&] { read_sites(Octets{1, 0, 0}, session); });
}

TEST(SecureMessages, SharesAreBelowTheOrderOfTheField) {
  const Session session = session_of(4);
  Share share{.site = 1};
  share.value.fill(0xff);
  EXPECT_THAT(problem_of([&] { read_shares(encode(std::span(&share, 1)), session); }).expected,
              testing::HasSubstr("order"));
}

}  // namespace
}  // namespace collegium::secagg
