#include "torch/training/torch_trainer.h"

#include <gtest/gtest.h>

#include <numeric>
#include <thread>

#include "collegium/error.h"
#include "tables.h"
#include "torch/network/flat_model.h"
#include "torch/network/model.h"
#include "torch/network/network.h"
#include "torch/training/batch.h"
#include "torch/training/losses.h"
#include "torch/training/optimizers.h"
#include "torch/training/sampling.h"

namespace collegium {
namespace {

using testing::linear_network;
using testing::sgd;
using testing::table;
using testing::task;

std::vector<float> trained(TorchTrainer& trainer, const std::vector<float>& model,
                           const TrainTask& task, TrainResult* result = nullptr) {
  std::vector<float> delta(model.size());
  const auto r = trainer.train(model, delta, task, {});
  if (result) *result = r;
  return delta;
}

// W is moved by -lr times the mean gradient over all rows; by hand, in double.
std::vector<double> full_gradient_step(const std::vector<float>& w,
                                       const std::vector<std::shared_ptr<TensorDataset>>& parts,
                                       double lr) {
  std::vector<double> gradient(8);
  double rows = 0;
  for (const auto& part : parts)
    for (std::size_t i = 0; i < part->size(); ++i, ++rows) {
      const auto item = part->sample(i);
      const auto* x = static_cast<const float*>(item.input.data);
      const auto* y = static_cast<const float*>(item.target.data);
      for (std::size_t o = 0; o < 2; ++o) {
        double out = w[6 + o];
        for (std::size_t k = 0; k < 3; ++k) out += static_cast<double>(w[3 * o + k]) * x[k];
        const double slope = (out - y[o]);  // d/d out of ((out - y)^2) / 2 outputs
        for (std::size_t k = 0; k < 3; ++k) gradient[3 * o + k] += slope * x[k];
        gradient[6 + o] += slope;
      }
    }
  std::vector<double> after(8);
  for (std::size_t i = 0; i < 8; ++i) after[i] = w[i] - lr * gradient[i] / rows;
  return after;
}

TEST(Federation, OfFullBatchStepsIsGradientDescentOnAllDataTogether) {
  const std::vector<std::shared_ptr<TensorDataset>> parts = {table(7), table(20, 0.5),
                                                             table(3, 1.1)};
  const double lr = 0.1;
  auto w = initial_values(linear_network(), 1);
  for (int round = 0; round < 5; ++round) {
    const auto expected = full_gradient_step(w, parts, lr);
    std::vector<double> mean(8);
    double weights = 0;
    for (const auto& part : parts) {
      auto training = sgd(lr, 100, 1);
      training.weighting = "subjects";
      TorchTrainer trainer(linear_network(), part);
      TrainResult result;
      const auto delta = trained(trainer, w, task(training), &result);
      for (std::size_t i = 0; i < 8; ++i) mean[i] += result.weight * delta[i];
      weights += result.weight;
    }
    for (std::size_t i = 0; i < 8; ++i) {
      w[i] += static_cast<float>(mean[i] / weights);
      EXPECT_NEAR(w[i], expected[i], 1e-6);
    }
  }
}

// The same loop written out plainly over the parts: nothing is added or left out on the way through
// the trainer.
TEST(ASiteWithoutPrivacy, IsPlainTrainingBitForBit) {
  auto training = sgd(0.05, 4, 12);
  training.optimizer = "adam";
  const auto config = testing::network("mlp", 3, 2);
  const auto model = initial_values(config, 3);
  const auto data = table(10);
  TorchTrainer trainer(config, data);
  const auto delta = trained(trainer, model, task(training));

  const auto network = make_network(config);
  const auto layout = network_layout(config);
  const auto loss = make_loss(training.loss);
  FlatModel plain(layout);
  plain.load(model);
  Adam adam(training, layout);
  for (const auto& samples : shuffled_batches(training, data->size(), 42, 1, "guys")) {
    std::vector<Example> examples;
    for (const auto i : samples) examples.push_back(whole_example(data->sample(i), false));
    const auto batch = stack(examples, {}, at::kCPU, false);
    plain.zero_gradient();
    loss->mean(network->forward(batch.inputs, plain.parameters(), {}), batch.targets).backward();
    adam.step(plain.values(), plain.gradient(), training.lr);
  }
  for (std::size_t i = 0; i < model.size(); ++i) EXPECT_EQ(delta[i], plain.values()[i] - model[i]);
}

TEST(ATrainer, GivesTheSameBitsForTheSameTask) {
  const auto training = sgd(0.05, 2, 9);
  const auto model = initial_values(linear_network(), 3);
  TorchTrainer one(linear_network(), table(10)), other(linear_network(), table(10));
  const auto delta = trained(one, model, task(training));
  EXPECT_EQ(delta, trained(other, model, task(training)));
  EXPECT_EQ(delta,
            trained(one, model, task(training)));  // nothing is left over from the first time
  auto later = task(training);
  later.round = 2;
  EXPECT_NE(delta, trained(one, model, later));
}

// Dropout, threads and gradients of one trainer are its own.
TEST(ATrainer, IsNotDisturbedByAnotherOneInTheSameProcess) {
  auto training = sgd(1e-3, 2, 2);
  training.optimizer = "adam";
  training.loss.name = "dice";
  const auto config = testing::network("segresnet");
  const auto model = initial_values(config, 1);
  const auto data = testing::volumes(3, 16);
  const auto one_site = [&](const std::string& site) {
    TorchTrainer trainer(config, data);
    auto t = task(training);
    t.site = site;
    return trained(trainer, model, t);
  };
  const auto guys = one_site("guys"), kings = one_site("kings");
  EXPECT_NE(guys, kings);
  std::vector<float> guys_meanwhile, kings_meanwhile;
  std::thread first([&] { guys_meanwhile = one_site("guys"); }),
      second([&] { kings_meanwhile = one_site("kings"); });
  first.join();
  second.join();
  EXPECT_EQ(guys_meanwhile, guys);
  EXPECT_EQ(kings_meanwhile, kings);
}

TEST(ATrainer, RestartsMomentsEveryRoundUnlessTheyAreKept) {
  auto training = sgd(0.05, 100, 3);
  training.optimizer = "adam";
  const auto model = initial_values(linear_network(), 3);
  TorchTrainer trainer(linear_network(), table(10));
  const auto first = trained(trainer, model, task(training));
  EXPECT_EQ(trained(trainer, model, task(training)), first);
  training.moments = "keep";
  trained(trainer, model, task(training));
  EXPECT_NE(trained(trainer, model, task(training)), first);
}

// The reference takes the steps one round at a time: full batches, so that a round of one step
// after another is the same as one round of them all.
TEST(ATrainer, MayAnswerWithTheMeanOfItsIteratesOfTheSecondHalf) {
  TorchTrainer trainer(linear_network(), table(10));
  const auto start = initial_values(linear_network(), 3);
  std::vector<std::vector<float>> iterates;
  for (auto model = start; iterates.size() < 5; iterates.push_back(model)) {
    const auto delta = trained(trainer, model, task(sgd(0.05, 100, 1)));
    for (std::size_t i = 0; i < model.size(); ++i) model[i] += delta[i];
  }
  auto training = sgd(0.05, 100, 5);
  training.iterates = "mean";
  const auto delta = trained(trainer, start, task(training));
  for (std::size_t i = 0; i < start.size(); ++i) {
    const double mean = (double{iterates[2][i]} + iterates[3][i] + iterates[4][i]) / 3;
    EXPECT_NEAR(start[i] + delta[i], mean, 1e-6);
  }
}

TEST(ATrainer, SaysWithoutAStackThatANetworkDoesNotFitTheData) {
  auto config = linear_network();
  config.out_channels += 1;
  TorchTrainer trainer(config, table(10));
  try {
    trained(trainer, initial_values(config, 3), task(sgd(0.05, 4, 1)));
    FAIL() << "expected a DataError";
  } catch (const DataError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("the network cannot work on these data"), std::string::npos) << text;
    EXPECT_EQ(text.find("frame #"), std::string::npos) << text;
  }
}

TEST(ATrainer, WeighsByStepsSubjectsOrEqually) {
  auto training = sgd(0.05, 4, 0);
  training.local_steps = 0;
  training.local_epochs = 2;
  TorchTrainer trainer(linear_network(), table(10));
  const auto model = initial_values(linear_network(), 3);
  TrainResult result;
  trained(trainer, model, task(training), &result);
  EXPECT_EQ(result.steps, 6);
  EXPECT_EQ(result.weight, 6);
  training.weighting = "subjects";
  trained(trainer, model, task(training), &result);
  EXPECT_EQ(result.weight, 10);
  training.weighting = "equal";
  trained(trainer, model, task(training), &result);
  EXPECT_EQ(result.weight, 1);
}

TEST(ATrainer, LearnsAndReportsTheMeanLossOfItsSteps) {
  const auto training = sgd(0.2, 5, 40);
  TorchTrainer trainer(linear_network(), table(10));
  const auto model = initial_values(linear_network(), 3);
  std::vector<double> losses;
  std::vector<float> delta(model.size());
  const auto result = trainer.train(model, delta, task(training),
                                    [&](std::int64_t step, std::int64_t steps, double loss) {
                                      losses.push_back(loss);
                                      EXPECT_EQ(step, static_cast<std::int64_t>(losses.size()));
                                      EXPECT_EQ(steps, 40);
                                      return true;
                                    });
  ASSERT_EQ(losses.size(), 40u);
  EXPECT_NEAR(result.loss, std::accumulate(losses.begin(), losses.end(), 0.0) / 40, 1e-12);
  EXPECT_LT(losses.back(), 0.8 * losses.front());
}

TEST(ATrainer, LeavesFrozenSlotsAtExactlyZero) {
  auto config = linear_network();
  config.trainable = {"bias"};
  TorchTrainer trainer(config, table(10));
  const auto delta = trained(trainer, initial_values(config, 3), task(sgd(0.1, 5, 3)));
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(delta[i], 0.0f);
  EXPECT_NE(delta[6], 0.0f);
}

TEST(ATrainer, FollowsTheScheduleOfTheRun) {
  auto training = sgd(0.1, 100, 1);
  training.lr_schedule = "linear";
  const auto model = initial_values(linear_network(), 3);
  TorchTrainer trainer(linear_network(), table(10));
  auto early = task(training), late = task(training);
  early.rounds = late.rounds = 10;
  late.round = 8;
  const auto full = trained(trainer, model, early), less = trained(trainer, model, late);
  const double ratio = training.lr_in(8, 10) / training.lr_in(1, 10);
  ASSERT_LT(ratio, 1);
  for (std::size_t i = 0; i < model.size(); ++i) EXPECT_NEAR(less[i], ratio * full[i], 1e-6);
}

TEST(ATrainer, StopsWhenProgressSaysSo) {
  TorchTrainer trainer(linear_network(), table(10));
  const auto model = initial_values(linear_network(), 3);
  std::vector<float> delta(model.size());
  int calls = 0;
  EXPECT_THROW(trainer.train(model, delta, task(sgd(0.1, 5, 30)),
                             [&](auto, auto, auto) { return ++calls < 3; }),
               Error);
  EXPECT_EQ(calls, 3);
}

TEST(ATrainer, NamesTheStepWhoseLossIsNotFinite) {
  TorchTrainer trainer(linear_network(), table(10));
  auto model = initial_values(linear_network(), 3);
  std::vector<float> delta(model.size());
  try {
    trainer.train(model, delta, task(sgd(1e30, 5, 30)), {});
    FAIL();
  } catch (const DataError& error) {
    EXPECT_NE(error.problem().where.find("guys, round 1, step"), std::string::npos) << error.what();
  }
}

TEST(ATrainer, RefusesAModelOfAnotherSizeAndASiteWithoutData) {
  TorchTrainer trainer(linear_network(), table(3));
  std::vector<float> small(5), delta(5), right(8), delta8(8);
  EXPECT_THROW(trainer.train(small, delta, task(sgd(0.1, 1, 1)), {}), DataError);
  auto training = sgd(0.1, 1, 1);
  training.validation = 3;
  EXPECT_THROW(trainer.train(right, delta8, task(training), {}), ConfigError);
}

TEST(Validation, KeepsTheLastSubjectsByNameOutOfTraining) {
  auto training = sgd(0.1, 100, 1);
  const auto model = initial_values(linear_network(), 3);
  TorchTrainer eight(linear_network(), table(8)), ten(linear_network(), table(10));
  const auto delta = trained(eight, model, task(training));
  EXPECT_TRUE(ten.evaluate(model, task(training)).empty());
  training.validation = 2;
  const auto same = trained(ten, model, task(training));
  for (std::size_t i = 0; i < model.size(); ++i) EXPECT_NEAR(delta[i], same[i], 1e-7);
  const auto metrics = ten.evaluate(model, task(training));
  ASSERT_EQ(metrics.size(), 1u);
  EXPECT_EQ(metrics[0].name, "loss");
  EXPECT_EQ(metrics[0].count, 2);
  EXPECT_GT(metrics[0].value, 0);
}

}  // namespace
}  // namespace collegium
