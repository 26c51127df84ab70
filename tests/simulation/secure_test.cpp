// Histories of secure aggregation: sites that are lost in every step of a sum, processes that come
// back without their keys, peers that repeat what was said in other sums.
#include <gtest/gtest.h>

#include "simulation/story.h"

namespace collegium {
namespace {

using simulated::number_from;
using simulated::Plan;
using simulated::play;
using simulated::Report;
using simulated::secure_plan;
using simulated::story;
using simulated::World;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kHistories = 60;  // ten times slower there
#else
constexpr std::uint64_t kHistories = 200;
#endif

// COLLEGIUM_SECURE_HISTORIES=10000 looks harder; COLLEGIUM_SECURE_SEED=17 prints one history.
TEST(Simulation, KeepsEveryPromiseOfSecureAggregation) {
  play(secure_plan, number_from("COLLEGIUM_SECURE_HISTORIES", kHistories), "COLLEGIUM_SECURE_SEED");
}

TEST(SecureSimulation, WithoutFaultsEveryRoundIsOneSumOfAll) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Plan plan = secure_plan(seed);
    plan.faults_until = 0;
    plan.min_sites = plan.sites;
    plan.is_hostile = plan.is_repeater = plan.is_lied_to = plan.is_refused = false;
    const Report report = World(plan).run();
    ASSERT_TRUE(report.breaches.empty()) << story(report);
    ASSERT_EQ(report.outcome, Outcome::finished) << story(report) << report.reason;
    for (const auto& cohort : report.cohorts) EXPECT_EQ(cohort.size(), plan.sites);
    EXPECT_EQ(report.recovered, 0u);
  }
}

// Whichever step a site is lost in, rounds still close, with sums that were opened without it.
TEST(SecureSimulation, LosesSitesInEveryStepAndClosesItsRoundsAllTheSame) {
  std::map<secagg::Step, std::size_t> lost_in;
  std::size_t recovered = 0, finished = 0;
  constexpr std::uint64_t kSeeds = 40;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Plan plan = secure_plan(seed);
    plan.sites = 6;
    plan.min_sites = secagg::smallest_minimum(6);
    plan.dies_in_sum = 0.03;
    plan.crash_every = plan.freeze_every = plan.partition_every = plan.site_stops_every = 0;
    plan.not_finite = plan.disk_full = plan.stop_at = 0;
    plan.is_hostile = plan.is_repeater = plan.is_lied_to = plan.is_refused = false;
    const Report report = World(plan).run();
    ASSERT_TRUE(report.breaches.empty()) << story(report);
    for (const auto& [step, times] : report.lost_in) lost_in[step] += times;
    recovered += report.recovered;
    finished += report.outcome == Outcome::finished ? 1 : 0;
  }
  for (const auto step : {secagg::Step::advertise, secagg::Step::share, secagg::Step::mask,
                          secagg::Step::sign, secagg::Step::unmask})
    EXPECT_GT(lost_in[step], 0u) << name_of(step);
  EXPECT_GT(recovered, 0u);
  EXPECT_GT(finished, kSeeds / 2);
}

TEST(SecureSimulation, IsTheSameHistoryForTheSameSeed) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed)
    EXPECT_EQ(World(secure_plan(seed), true).run().trace,
              World(secure_plan(seed), true).run().trace)
        << "seed " << seed;
}

}  // namespace
}  // namespace collegium
