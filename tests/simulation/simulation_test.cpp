#include <gtest/gtest.h>

#include "simulation/story.h"

namespace collegium {
namespace {

using simulated::disk_plan;
using simulated::kind_plan;
using simulated::number_from;
using simulated::Plan;
using simulated::plan_of;
using simulated::play;
using simulated::Report;
using simulated::story;
using simulated::World;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kHistories = 400, kDiskHistories = 20;  // ten times slower there
#else
constexpr std::uint64_t kHistories = 10'000, kDiskHistories = 300;
#endif

// COLLEGIUM_HISTORIES=100000 looks harder; COLLEGIUM_SEED=17 prints the history of one seed.
TEST(Simulation, KeepsEveryPromiseWhateverTheNetworkAndTheProcessesDo) {
  play(plan_of, number_from("COLLEGIUM_HISTORIES", kHistories), "COLLEGIUM_SEED");
}

// The same on the real ledger, outbox and run store, whose machines lose their power;
// COLLEGIUM_DISK_HISTORIES and COLLEGIUM_DISK_SEED as above.
TEST(Simulation, KeepsEveryPromiseOnRealFilesThatLoseWhatWasNotSynced) {
  play(disk_plan, number_from("COLLEGIUM_DISK_HISTORIES", kDiskHistories), "COLLEGIUM_DISK_SEED");
}

TEST(Simulation, WithoutFaultsEverySiteCountsInEveryRound) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Plan plan = kind_plan(seed);
    plan.min_sites = plan.sites;
    const Report report = World(plan).run();
    ASSERT_TRUE(report.breaches.empty()) << story(report);
    ASSERT_EQ(report.outcome, Outcome::finished) << story(report) << report.reason;
    for (const auto& cohort : report.cohorts)
      EXPECT_EQ(cohort.size(), plan.sites) << "seed " << seed;
  }
}

// Only the order of sums may differ between histories, and in a deterministic run not even that.
TEST(Simulation, EndsWithTheFaultFreeModelWhenTheSameCohortsClose) {
  int compared = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Plan faulty = plan_of(seed);
    faulty.deterministic = true;
    faulty.is_private = false;
    faulty.is_central = false;
    faulty.not_finite = 0;
    faulty.is_hostile = false;
    faulty.min_sites = faulty.sites;
    Plan kind = faulty;
    kind.faults_until = 0;
    const Report rough = World(faulty).run();
    ASSERT_TRUE(rough.breaches.empty()) << story(rough);
    if (rough.outcome != Outcome::finished) continue;
    const Report smooth = World(kind).run();
    ASSERT_EQ(rough.cohorts, smooth.cohorts) << "seed " << seed;
    EXPECT_EQ(rough.model, smooth.model) << "seed " << seed;
    ++compared;
  }
  EXPECT_GT(compared, 100);
}

TEST(Simulation, IsTheSameHistoryForTheSameSeed) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    EXPECT_EQ(World(plan_of(seed), true).run().trace, World(plan_of(seed), true).run().trace)
        << "seed " << seed;
  }
}

}  // namespace
}  // namespace collegium
