#include "privacy/audit/audit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <stdexcept>

#include "collegium/error.h"
#include "privacy/audit/statistics.h"

namespace collegium {
namespace {

AuditEffort little() { return {.width = 2000, .steps = 10, .repeats = 200, .runs = 4}; }

TEST(Audit, MakesNineFindingsAndNoAlarmOnWhatWeShip) {
  std::set<std::string> checks;
  for (const auto& finding : audit(shipped_steps, in_a_child(shipped_steps), little())) {
    checks.insert(finding.check);
    EXPECT_FALSE(finding.alarm) << finding.check << " " << finding.p_value << " " << finding.lower;
    EXPECT_NE(std::isnan(finding.p_value), std::isnan(finding.lower)) << finding.check;
    EXPECT_FALSE(finding.lower > finding.upper) << finding.check;
  }
  EXPECT_EQ(checks, (std::set<std::string>{"scale", "ks", "corr", "fresh", "sens1", "sens8",
                                           "sampling", "gdp", "one-run"}));
}

TEST(Audit, HearsOfNoiseThatAChildInherited) {
  std::vector<float> inherited;
  const PrivateSteps steps = [&](const Trial& trial) { return inherited = shipped_steps(trial); };
  const PrivateSteps child = [&](const Trial&) { return inherited; };
  EXPECT_LT(freshness(steps, child, 2000), kAuditAlarm);
  EXPECT_GT(freshness(steps, in_a_child(shipped_steps), 2000), kAuditAlarm);
}

TEST(Audit, RefusesStepsThatReleaseSomethingElse) {
  const PrivateSteps short_of_one = [](const Trial& trial) {
    auto released = shipped_steps(trial);
    released.pop_back();
    return released;
  };
  EXPECT_THROW(audit(short_of_one, shipped_steps, little()), std::logic_error);
}

TEST(InAChild, SaysThatTheChildFailed) {
  const PrivateSteps fails = [](const Trial&) -> std::vector<float> {
    throw std::runtime_error("in the child");
  };
  EXPECT_THROW(in_a_child(fails)({}), SystemError);
}

TEST(ShippedSteps, ReleaseTheClippedSumInEveryStep) {
  const auto released = shipped_steps({.width = 6,
                                       .lengths = {0.5, 100.0, 0.0, 0.0, 2.0},
                                       .patients = 5,
                                       .steps = 2,
                                       .clip = 2.0,
                                       .noise_multiplier = 1e-9});
  const std::vector<float> clipped{0.5f, 2.0f, 0.0f, 0.0f, 2.0f, 0.0f};
  ASSERT_EQ(released.size(), 12u);
  for (std::size_t i = 0; i < released.size(); ++i)
    EXPECT_NEAR(released[i], clipped[i % 6], 2.0 * 0x1p-10 + 1e-6) << i;
}

}  // namespace
}  // namespace collegium
