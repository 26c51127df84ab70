#include "simulation/story.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

namespace collegium::simulated {

std::string story(const Report& report) {
  const std::string seed = std::to_string(report.plan.seed);
  std::string text =
      "seed " + seed + " after " + std::to_string(report.ended) + " virtual seconds:";
  for (const std::string& breach : report.breaches) text += "\n  " + breach;
  const char* variable = report.plan.is_secure ? "COLLEGIUM_SECURE_SEED"
                         : report.plan.on_disk ? "COLLEGIUM_DISK_SEED"
                                               : "COLLEGIUM_SEED";
  return text + "\n  " + variable + "=" + seed + " prints the history of that seed";
}

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

std::map<std::string, std::uint64_t> play(Plan (*plan)(std::uint64_t), std::uint64_t histories,
                                          const char* one) {
  std::map<std::string, std::uint64_t> outcomes;
  if (const std::uint64_t seed = number_from(one, 0)) {
    const Report report = World(plan(seed), true).run();
    std::cout << report.trace;
    EXPECT_TRUE(report.breaches.empty()) << story(report);
    return outcomes;
  }
  const std::uint64_t first = number_from("COLLEGIUM_FIRST_SEED", 1);
  for (std::uint64_t seed = first; seed < first + histories; ++seed) {
    const Report report = World(plan(seed)).run();
    EXPECT_TRUE(report.breaches.empty()) << story(report);
    if (!report.breaches.empty()) break;
    ++outcomes[report.outcome ? std::string(name_of(*report.outcome)) : "none"];
  }
  for (const auto& [outcome, times] : outcomes) std::cout << times << " " << outcome << "; ";
  std::cout << "seeds " << first << " to " << first + histories - 1 << std::endl;
  // The faults are meant to be survivable: most runs come through, and some must not.
  EXPECT_GT(outcomes["finished"], histories / 2);
  EXPECT_GT(outcomes["failed"], 0u);
  return outcomes;
}

}  // namespace collegium::simulated
