#include "runtime/cohort_draw.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

namespace collegium {
namespace {

FederationConfig config_of(const std::string& more, int seed = 3) {
  return FederationConfig::read(
      Settings::parse("[federation]\nsites = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']\nseed = " +
                          std::to_string(seed) + "\n" + more,
                      "federation.toml"));
}

std::int64_t count(const std::vector<bool>& drawn) {
  return std::count(drawn.begin(), drawn.end(), true);
}

TEST(CohortDraw, AsksEverybodyUnlessARateIsStated) { EXPECT_FALSE(cohort_draw(config_of(""))); }

TEST(CohortDraw, NeverAsksFewerThanARoundNeeds) {
  const CohortDraw draw = cohort_draw(config_of("cohort_rate = 0.4\nmin_sites = 3"));
  for (std::uint64_t round = 1; round <= 300; ++round) EXPECT_GE(count(draw(round, 1)), 3);
}

// Each site in 4000 draws at rate 0.5 (an empty one in 256 is made again): 6.5 standard deviations
// of the binomial are 206 draws, exceeded with probability below 1e-10.
TEST(CohortDraw, AsksEachSiteAtTheRate) {
  const CohortDraw draw = cohort_draw(config_of("cohort_rate = 0.5"));
  std::vector<int> asked(8, 0);
  for (std::uint64_t round = 1; round <= 4000; ++round) {
    const std::vector<bool> drawn = draw(round, 1);
    for (std::size_t i = 0; i < 8; ++i) asked[i] += drawn[i] ? 1 : 0;
  }
  for (const int times : asked) EXPECT_NEAR(times, 4000 * 0.5 / (1 - 1.0 / 256), 206);
}

TEST(CohortDraw, FollowsTheSeedWhereNobodyIsToBeProtected) {
  const std::string rate = "cohort_rate = 0.5";
  const auto draws = [](const FederationConfig& config) {
    std::vector<std::vector<bool>> all;
    for (std::uint64_t round = 1; round <= 40; ++round)
      all.push_back(cohort_draw(config)(round, 1));
    return all;
  };
  EXPECT_EQ(draws(config_of(rate)), draws(config_of(rate)));
  EXPECT_NE(draws(config_of(rate, 3)), draws(config_of(rate, 4)));
  EXPECT_NE(cohort_draw(config_of(rate))(1, 1), cohort_draw(config_of(rate))(1, 2))
      << "another attempt may find other sites at home";
}

// Two draws of 40 rounds agree by chance with probability 2^-320.
TEST(CohortDraw, UnderPrivacyNobodyCanForetellIt) {
  const FederationConfig config = config_of(
      "cohort_rate = 0.5\n[training]\nlocal_steps = 1\n[privacy]\nunit = 'site'\nepsilon = "
      "3\ndelta = 1e-3");
  const CohortDraw first = cohort_draw(config), second = cohort_draw(config);
  std::vector<std::vector<bool>> one, other;
  for (std::uint64_t round = 1; round <= 40; ++round) {
    one.push_back(first(round, 1));
    other.push_back(second(round, 1));
  }
  EXPECT_NE(one, other);
}

}  // namespace
}  // namespace collegium
