#include "torch/training/trainer_steps.h"

#include <gtest/gtest.h>

#include "privacy/audit/statistics.h"

namespace collegium {
namespace {

TEST(TrainerSteps, ReleaseTheClippedSumInEveryStep) {
  const auto released = trainer_steps("cpu")({.width = 6,
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

PrivateSteps with(void (*change)(Trial&)) {
  return [change](Trial trial) {
    change(trial);
    return trainer_steps("cpu")(trial);
  };
}

// The audit through the trainer has teeth: a task that asks for something else than is claimed.
TEST(TrainerSteps, SetOffTheAlarmWhenTheTaskIsNotWhatIsClaimed) {
  const auto less_noise = with([](Trial& trial) { trial.noise_multiplier *= 0.9; });
  EXPECT_LT(PureNoise(less_noise, 4000, 20).scale(), kAuditAlarm);
  const auto looser = with([](Trial& trial) {
    trial.clip *= 2;
    trial.noise_multiplier /= 2;
  });
  EXPECT_LT(sensitivity_of_one(looser, 300), kAuditAlarm);
  const auto more_often = with([](Trial& trial) { trial.rate *= 1.2; });
  EXPECT_LT(sampling(more_often, 300), kAuditAlarm);
}

// Nine checks, each of which gives a false alarm once in ten million runs.
TEST(TrainerSteps, SetOffNoAlarm) {
  const auto steps = trainer_steps("cpu");
  for (const auto& finding : audit(steps, steps, kTrainerEffort))
    EXPECT_FALSE(finding.alarm) << finding.check << " " << finding.p_value << " " << finding.lower;
}

}  // namespace
}  // namespace collegium
