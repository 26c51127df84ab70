// Whoever stays away from whatever step on: the sum is that of those who masked, to the bit, or
// there is none.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "collegium/error.h"
#include "secagg/table.h"

namespace collegium::secagg {
namespace {

// The step from which on each site is away, as digits of `pattern` in base 6; 5: never.
Absences absences_of(std::uint64_t pattern, std::uint32_t sites) {
  Absences absences;
  for (std::uint32_t site = 1; site <= sites; ++site, pattern /= 6)
    if (pattern % 6 != 5) absences.from[site] = static_cast<Step>(pattern % 6);
  return absences;
}

// What arithmetic says must happen: empty, no sum.
template <class Word>
std::optional<std::vector<Word>> expected_sum(const Session& session, const Absences& absences,
                                              const std::map<std::uint32_t, std::vector<Word>>& x) {
  const auto present = [&](Step step) {
    std::size_t count = 0;
    for (std::uint32_t site = 1; site <= session.sites(); ++site)
      count += absences.absent(site, step) ? 0 : 1;
    return count;
  };
  for (const Step step : {Step::advertise, Step::share, Step::mask})
    if (present(step) < session.minimum) return std::nullopt;
  for (const Step step : {Step::sign, Step::unmask})
    if (present(step) < session.threshold) return std::nullopt;
  std::vector<Word> sum(x.at(1).size(), 0);
  for (const auto& [site, values] : x)
    for (std::size_t i = 0; i < sum.size() && !absences.absent(site, Step::mask); ++i)
      sum[i] += values[i];
  return sum;
}

template <class Word>
bool check(const Session& session, const Absences& absences, std::uint64_t seed,
           std::size_t size = 5) {
  const auto inputs = random_inputs<Word>(session.sites(), size, seed);
  const auto expected = expected_sum(session, absences, inputs);
  Table<Word> table(session, seed);
  try {
    const auto sum = table.run(absences, inputs);
    EXPECT_TRUE(expected.has_value()) << "a sum of too few";
    EXPECT_EQ(sum, expected.value_or(sum));
  } catch (const ProtocolError& error) {
    EXPECT_FALSE(expected.has_value()) << error.what();
  }
  return expected.has_value();
}

TEST(Dropouts, EveryPatternOfUpToFourSitesGivesTheExactSumOrNone) {
  for (std::uint32_t sites = 3; sites <= 4; ++sites) {
    std::uint64_t patterns = 1;
    for (std::uint32_t i = 0; i < sites; ++i) patterns *= 6;
    int sums = 0;
    for (std::uint64_t pattern = 0; pattern < patterns; ++pattern)
      sums += check<std::uint32_t>(session_of(sites), absences_of(pattern, sites), pattern);
    EXPECT_GT(sums, 0);
  }
}

// Of five and six sites every pattern in which a sum may come about, and a sample of the others.
TEST(Dropouts, EveryPatternOfFiveAndSixSitesGivesTheExactSumOrNone) {
  std::mt19937_64 engine(11);
  for (std::uint32_t sites = 5; sites <= 6; ++sites) {
    const Session session = session_of(sites);
    std::uint64_t patterns = 1;
    for (std::uint32_t i = 0; i < sites; ++i) patterns *= 6;
    const auto inputs = random_inputs<std::uint32_t>(sites, 1, 1);
    int sums = 0;
    for (std::uint64_t pattern = 0; pattern < patterns; ++pattern) {
      const Absences absences = absences_of(pattern, sites);
      if (!expected_sum(session, absences, inputs) && engine() % 200 != 0) continue;
      sums += check<std::uint32_t>(session, absences, pattern);
    }
    EXPECT_GT(sums, 5);
  }
}

TEST(Dropouts, RandomPatternsOfManySitesGiveTheExactSumOrNone) {
  std::mt19937_64 engine(12);
  for (int trial = 0; trial < 30; ++trial) {
    const auto sites = static_cast<std::uint32_t>(7 + engine() % 14);
    Absences absences;
    for (std::uint32_t site = 1; site <= sites; ++site)
      if (engine() % 8 == 0) absences.from[site] = static_cast<Step>(engine() % 5);
    if (trial % 2)
      check<std::uint32_t>(session_of(sites), absences, engine(), 40);
    else
      check<std::uint64_t>(session_of(sites), absences, engine(), 40);
  }
}

TEST(Dropouts, TheSessionMayAskForMoreSitesThanTheThreshold) {
  Session session = session_of(7);
  session.minimum = 6;
  EXPECT_TRUE(check<std::uint32_t>(session, {{{2, Step::mask}}}, 1));
  EXPECT_FALSE(check<std::uint32_t>(session, {{{2, Step::mask}, {3, Step::mask}}}, 2));
  EXPECT_TRUE(check<std::uint32_t>(session, {{{2, Step::mask}, {3, Step::unmask}}}, 3));
}

}  // namespace
}  // namespace collegium::secagg
