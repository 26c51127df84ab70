#include <gtest/gtest.h>

#include <cmath>

#include "base/ranges.h"
#include "collegium/error.h"
#include "collegium/vector_ops.h"
#include "privacy/accountant.h"
#include "tables.h"
#include "torch/network/model.h"

namespace collegium {
namespace {

using testing::linear_network;
using testing::privacy;
using testing::sgd;
using testing::table;
using testing::task;

const auto kTestNoise = NoiseSource::not_private_for_tests({7});

struct PrivateRun {
  TrainResult result;
  std::vector<float> delta;
  std::int64_t left_out = 0;
};

PrivateRun run(const std::shared_ptr<const Dataset>& data, const TrainTask& task,
               std::int64_t n_public, NetworkConfig network = linear_network()) {
  int warnings = 0;
  TorchTrainer trainer(
      network, data,
      {.n_public = n_public, .noise = kTestNoise, .log = [&](Level, std::string_view text) {
         if (text.find("not finite") != text.npos) ++warnings;
       }});
  const auto model = initial_values(network, 1);
  PrivateRun run;
  run.delta.resize(model.size());
  run.result = trainer.train(model, run.delta, task, {});
  run.left_out = trainer.left_out();
  EXPECT_EQ(warnings, run.left_out > 0);
  return run;
}

double norm(std::span<const float> x) { return l2_norm(x); }

// With (almost) no noise and everybody drawn, one step is minus the rate times the clipped sum over
// the public count.
TEST(TrainingUnderPrivacy, DividesTheClippedSumByThePublicCount) {
  const double clip = 1e-2, lr = 1;
  const auto few = run(table(5), task(sgd(lr, 5, 1), privacy(clip, 1e-9, 1.0)), 10);
  // 5 patients, each cut to the bound; their mean direction cannot be longer than the bound, and 10
  // divides.
  EXPECT_LE(norm(few.delta), lr * 5 * clip / 10);
  EXPECT_GT(norm(few.delta), 0);
  const auto half = run(table(5), task(sgd(lr, 5, 1), privacy(clip, 1e-9, 1.0)), 20);
  for (std::size_t i = 0; i < few.delta.size(); ++i)
    EXPECT_NEAR(few.delta[i], 2 * half.delta[i], 2e-7);
}

TEST(TrainingUnderPrivacy, SaysNothingThatDependsOnData) {
  auto training = sgd(0.1, 5, 3);
  const auto ours = run(table(9), task(training, privacy(1, 1, 0.5)), 10);
  const auto theirs = run(table(6, 2.0), task(training, privacy(1, 1, 0.5)), 10);
  for (const auto* r : {&ours.result, &theirs.result}) {
    EXPECT_TRUE(std::isnan(r->loss));
    EXPECT_TRUE(r->metrics.empty());
    EXPECT_TRUE(r->note.empty());
  }
  EXPECT_EQ(ours.result.steps, theirs.result.steps);
  EXPECT_EQ(ours.result.weight, theirs.result.weight);
  training.weighting = "subjects";
  EXPECT_EQ(run(table(9), task(training, privacy(1, 1, 0.5)), 10).result.weight, 10);
  TorchTrainer trainer(linear_network(), table(9), {.n_public = 10});
  training.validation = 2;
  EXPECT_TRUE(
      trainer.evaluate(initial_values(linear_network(), 1), task(training, privacy(1, 1, 0.5)))
          .empty());
}

TEST(TrainingUnderPrivacy, TakesAPureNoiseStepWhenNobodyIsDrawn) {
  const auto nobody = run(table(3), task(sgd(1, 1, 4), privacy(1, 1, 1e-12)), 10);
  EXPECT_EQ(nobody.result.steps, 4);
  EXPECT_GT(norm(nobody.delta), 0);
}

TEST(TrainingUnderPrivacy, DrawsFreshNoiseUnlessATestFixesTheKey) {
  const auto t = task(sgd(0.1, 5, 1), privacy(1, 1, 0.5));
  EXPECT_EQ(run(table(9), t, 10).delta, run(table(9), t, 10).delta);
  const auto model = initial_values(linear_network(), 1);
  std::vector<std::vector<float>> deltas(2, std::vector<float>(model.size()));
  for (auto& delta : deltas) {
    TorchTrainer trainer(linear_network(), table(9), {.n_public = 10});
    trainer.train(model, delta, t, {});
  }
  EXPECT_NE(deltas[0], deltas[1]);
}

TEST(TrainingUnderPrivacy, LeavesOutPatientsWithoutAFiniteGradientAndCountsThem) {
  auto x = std::make_shared<std::vector<float>>(12, 1.0f);
  (*x)[4] = std::numeric_limits<float>::quiet_NaN();
  auto y = std::make_shared<std::vector<float>>(8, 0.5f);
  const auto data =
      std::make_shared<TensorDataset>(Array{x->data(), ElementType::float32, {4, 3}, x},
                                      Array{y->data(), ElementType::float32, {4, 2}, y});
  const auto r = run(data, task(sgd(0.1, 4, 2), privacy(1, 1e-9, 1.0)), 4);
  EXPECT_EQ(r.left_out, 2);  // one patient in each of two steps
  EXPECT_TRUE(all_finite(r.delta));
}

TEST(TrainingUnderPrivacy, BoundsAPatientWithManySamplesAsOne) {
  const double clip = 1e-3;
  const auto many = run(table(12, 0, std::vector<std::size_t>(12, 0)),
                        task(sgd(1, 1, 1), privacy(clip, 1e-9, 1.0)), 1);
  EXPECT_LE(norm(many.delta), clip);
  EXPECT_GT(norm(many.delta), 0.9 * clip);
}

Settings clipped(const char* clipping, double clip, double noise_multiplier) {
  auto table = privacy(clip, noise_multiplier, 1.0);
  table.set("clipping", clipping);
  return table;
}

// One patient with a gradient far above the bound: whatever the kind of clipping, a step without
// noise is as long as the bound.
TEST(TrainingUnderPrivacy, ClipsInTheWayThatIsAskedFor) {
  for (const char* clipping : {"flat", "per_layer", "automatic", "adaptive"}) {
    const auto r = run(table(1), task(sgd(1, 1, 1), clipped(clipping, 1e-3, 1e-9)), 1);
    EXPECT_NEAR(norm(r.delta), 1e-3, 2e-5) << clipping;
  }
  auto two_layers = testing::network("mlp", 3, 2);
  two_layers.init_filters = 8;
  const auto layout = network_layout(two_layers);
  const auto r = run(table(1), task(sgd(1, 1, 1), clipped("per_layer", 1e-3, 1e-9)), 1, two_layers);
  for (const auto& layer : layer_ranges(layout))
    EXPECT_NEAR(norm(std::span(r.delta).subspan(layer[0].offset, layer[0].size)),
                1e-3 / std::sqrt(static_cast<double>(layer_ranges(layout).size())), 2e-5);
}

// While every gradient is cut, the bound grows by exp(0.1) a step, and each step is as long as it.
TEST(TrainingUnderPrivacy, KeepsAnAdaptiveBoundForTheRunAndNoLonger) {
  TorchTrainer trainer(linear_network(), table(1), {.n_public = 1, .noise = kTestNoise});
  const auto model = initial_values(linear_network(), 1);
  auto t = task(sgd(1, 1, 1), clipped("adaptive", 1e-4, 1e-9));
  const auto length_of_step = [&] {
    std::vector<float> delta(model.size());
    trainer.train(model, delta, t, {});
    return norm(delta);
  };
  const double first = length_of_step();
  t.round = 2;
  EXPECT_NEAR(length_of_step(), first * std::exp(0.1), 1e-3 * first);
  t.round = 3;
  EXPECT_NEAR(length_of_step(), first * std::exp(0.2), 1e-3 * first);
  t.run = "11ee";
  EXPECT_NEAR(length_of_step(), first, 1e-3 * first);
}

TEST(TheCostOfARound, IsTheSameForEveryKindOfClipping) {
  TorchTrainer trainer(linear_network(), table(9), {.n_public = 10});
  for (const char* clipping : {"flat", "per_layer", "automatic", "adaptive"}) {
    const auto event = trainer.cost(task(sgd(0.1, 2, 7), clipped(clipping, 1, 1.25)));
    EXPECT_EQ(event.kind, PrivacyEvent::Kind::sampled_gaussian);
    EXPECT_EQ(event.noise_multiplier, 1.25);
    EXPECT_EQ(event.count, 7);
  }
}

TEST(TrainingUnderPrivacy, RefusesBatchesForWhichRoundingIsNotProved) {
  TorchTrainer trainer(linear_network(), table(9), {.n_public = 100000});
  auto training = sgd(0.1, 5000, 1);
  PrivacyConfig config;
  config.noise_multiplier = 1;
  config.delta = 1e-6;
  EXPECT_THROW(trainer.cost(task(training, config.to_settings())), ConfigError);
  training.batch_size = 2000;
  EXPECT_NO_THROW(trainer.cost(task(training, config.to_settings())));
}

TEST(TrainingUnderPrivacy, RefusesADeltaThatMayLeaveOutAWholePatient) {
  std::vector<std::string> lines;
  const auto trainer = [&](std::int64_t n_public) {
    return TorchTrainer(linear_network(), table(9),
                        {.n_public = n_public,
                         .log = [&](Level, std::string_view line) { lines.emplace_back(line); }});
  };
  PrivacyConfig config;
  config.noise_multiplier = 1;
  config.delta = 0.02;
  EXPECT_NO_THROW(trainer(49).cost(task(sgd(0.1, 2, 1), config.to_settings())));
  EXPECT_THROW(trainer(50).cost(task(sgd(0.1, 2, 1), config.to_settings())), ConfigError);
  EXPECT_TRUE(lines.empty());
  EXPECT_NO_THROW(trainer(9).cost(task(sgd(0.1, 2, 1), config.to_settings())));
  EXPECT_EQ(lines.size(), 1u);  // nine patients: that is no useful guarantee
}

// What is charged, taken and divided by is the same for a data set of any size.
TEST(TrainingUnderPrivacy, TakesADeclaredCountThatIsTooLargeOrTooSmall) {
  const auto t = task(sgd(0.1, 5, 3), privacy(1, 1, 0.5));
  for (const std::size_t patients : {1u, 3u, 10u, 40u}) {
    TorchTrainer trainer(linear_network(), table(patients), {.n_public = 10});
    EXPECT_EQ(trainer.cost(t).count, 3);
    EXPECT_EQ(trainer.cost(t).sampling_rate, 0.5);
    const auto r = run(table(patients), t, 10);
    EXPECT_EQ(r.result.steps, 3);
    EXPECT_TRUE(all_finite(r.delta));
  }
}

TEST(TrainingUnderPrivacy, RefusesAnEmptyDataSetBeforeTheStart) {
  EXPECT_THROW(TorchTrainer(linear_network(), table(0), {.n_public = 10}), DataError);
}

TEST(TheCostOfARound, IsKnownFromPublicNumbersBeforeTraining) {
  TorchTrainer nine(linear_network(), table(9), {.n_public = 10}),
      six(linear_network(), table(6), {.n_public = 10});
  auto training = sgd(0.1, 2, 0);
  training.local_steps = 0;
  training.local_epochs = 3;
  PrivacyConfig config;
  config.noise_multiplier = 1.25;
  config.delta = 1e-5;
  const auto t = task(training, config.to_settings());
  for (const auto* trainer : {&nine, &six}) {
    const auto event = trainer->cost(t);
    EXPECT_EQ(event.kind, PrivacyEvent::Kind::sampled_gaussian);
    EXPECT_EQ(event.noise_multiplier, 1.25);
    EXPECT_DOUBLE_EQ(event.sampling_rate, 0.2);
    EXPECT_EQ(event.count, 15);
  }
  EXPECT_EQ(nine.cost(task(training)).kind, PrivacyEvent::Kind::none);
  EXPECT_EQ(run(table(9), t, 10).result.steps, 15);
}

TEST(TheCostOfARound, IsUnboundedWhenTheNoiseFollowsFromATestKey) {
  TorchTrainer trainer(linear_network(), table(9), {.n_public = 10, .noise = kTestNoise});
  const auto event = trainer.cost(task(sgd(0.1, 5, 1), privacy(1, 1, 0.5)));
  EXPECT_EQ(event.kind, PrivacyEvent::Kind::unbounded);
  EXPECT_EQ(event.reason.substr(0, 11), "NOT PRIVATE");
  EXPECT_EQ(trainer.cost(task(sgd(0.1, 5, 1))).kind, PrivacyEvent::Kind::none);
}

TEST(TheCostOfARound, OfAllRoundsTogetherStaysWithinTheEpsilonAskedFor) {
  TorchTrainer trainer(linear_network(), table(90), {.n_public = 100});
  PrivacyConfig config;
  config.epsilon = 4.0;
  config.delta = 1e-4;
  auto t = task(sgd(0.1, 8, 10), config.to_settings());
  t.rounds = 12;
  const auto event = trainer.cost(t);
  const std::vector<PrivacyEvent> run(12, event);
  EXPECT_LE(epsilon(run, 1e-4), 4.0);
  EXPECT_GT(epsilon(run, 1e-4), 3.9);  // and does not waste it
}

TEST(TrainingUnderPrivacy, NeedsThePublicNumberOfPatients) {
  TorchTrainer trainer(linear_network(), table(9));
  EXPECT_THROW(trainer.cost(task(sgd(0.1, 2, 1), privacy(1, 1, 0.5))), ConfigError);
}

TEST(TrainingUnderPrivacy, LeavesFrozenSlotsAtExactlyZero) {
  auto network = linear_network();
  network.trainable = {"bias"};
  const auto r = run(table(9), task(sgd(0.1, 5, 3), privacy(1, 1, 0.5)), 10, network);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(r.delta[i], 0.0f);
  EXPECT_NE(r.delta[6], 0.0f);
}

}  // namespace
}  // namespace collegium
