#include <gtest/gtest.h>

#include <iostream>

#include "simulation/world.h"

namespace collegium {
namespace {

using simulated::disk_plan;
using simulated::Plan;
using simulated::plan_of;
using simulated::PlantedBug;
using simulated::Report;
using simulated::secure_plan;
using simulated::World;

Plan plan_for(PlantedBug bug, std::uint64_t seed) {
  if (bug == PlantedBug::ignores_a_sync) return disk_plan(seed);
  return bug < PlantedBug::forgets_opened_sums ? plan_of(seed) : secure_plan(seed);
}

class PlantedBugs : public testing::TestWithParam<std::pair<PlantedBug, const char*>> {};

// A mistake may break other promises too, in other histories; here it must be seen by its own
// symptom.
TEST_P(PlantedBugs, AreFound) {
  const auto [bug, symptom] = GetParam();
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    Plan plan = plan_for(bug, seed);
    plan.bug = bug;
    const Report report = World(plan).run();
    for (const std::string& breach : report.breaches) {
      if (breach.find(symptom) == std::string::npos) continue;
      std::cout << "found in history " << seed << ": " << breach << "\n";
      RecordProperty("histories", std::to_string(seed));
      return;
    }
  }
  FAIL() << "no history showed it";
}

INSTANTIATE_TEST_SUITE_P(
    Simulation, PlantedBugs,
    testing::Values(
        std::pair(PlantedBug::accumulates_twice, "another model than its contributions give"),
        std::pair(PlantedBug::reports_before_writing, "called accepted, and not durable"),
        std::pair(PlantedBug::accepts_on_arrival, "called accepted, and not durable"),
        std::pair(PlantedBug::forgets_the_outbox, "different output"),
        std::pair(PlantedBug::reserves_in_memory, "before its charge is durable"),
        std::pair(PlantedBug::resumes_a_round_early, "was written after it was closed"),
        std::pair(PlantedBug::charges_in_memory, "noise is drawn before its charge is durable"),
        std::pair(PlantedBug::shows_before_writing, "two different releases under one charge"),
        std::pair(PlantedBug::ignores_cohort_order, "another model than its contributions give"),
        std::pair(PlantedBug::calls_a_full_disk_written, "called accepted, and not durable"),
        std::pair(PlantedBug::announces_the_unstored, "left before it was stored"),
        std::pair(PlantedBug::forgets_the_network, "fetches a network that it was given before"),
        std::pair(PlantedBug::withdraws_the_network, "not served as long as the run lasts"),
        std::pair(PlantedBug::builds_without_policy, "builds a network that its policy refuses"),
        std::pair(PlantedBug::goes_on_when_stopped, "begun after the request to stop"),
        std::pair(PlantedBug::closes_below_quorum, "closed below the quorum"),
        std::pair(PlantedBug::skips_the_values, "has a model that is not finite"),
        std::pair(PlantedBug::believes_the_sender, "that it never sent"),
        std::pair(PlantedBug::opens_what_is_broken, "that it never sent"),
        std::pair(PlantedBug::refunds_a_failure, "has disappeared"),
        std::pair(PlantedBug::pays_for_two, "different output under one charge"),
        std::pair(PlantedBug::talks_to_strangers, "that it never sent"),
        std::pair(PlantedBug::ignores_a_sync, "has disappeared"),
        std::pair(PlantedBug::forgets_the_last_answers, "called rejected, and it counts"),
        std::pair(PlantedBug::forgets_opened_sums, "opens two sums of round"),
        std::pair(PlantedBug::keeps_the_last_sum, "another model than its contributions give"),
        std::pair(PlantedBug::counts_what_it_lost, "another model than its contributions give"),
        std::pair(PlantedBug::serves_it_unmasked, "an update leaves without its masks"),
        std::pair(PlantedBug::gives_both_shares, "gives both shares of site"),
        std::pair(PlantedBug::charges_every_sum, "a charge was made that nobody asked for")),
    [](const auto& info) { return "Number" + std::to_string(static_cast<int>(info.param.first)); });

}  // namespace
}  // namespace collegium
