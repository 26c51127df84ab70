#include "torch/training/trainer_steps.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "config/privacy_config.h"
#include "config/training_config.h"
#include "torch/training/torch_trainer.h"

namespace collegium {
namespace {

// A trainer refuses a site without patients: where nobody is present, one whose gradient is 0 is.
std::shared_ptr<const Dataset> patients_of(const Trial& trial) {
  const auto count = std::max<std::size_t>(trial.lengths.size(), 1);
  const auto width = static_cast<std::size_t>(trial.width);
  auto inputs = std::make_shared<std::vector<float>>(count * width);
  for (std::size_t i = 0; i < trial.lengths.size(); ++i)
    (*inputs)[i * width + i] = static_cast<float>(trial.lengths[i]);
  auto targets = std::make_shared<std::vector<float>>(count, -0.5f);
  const auto rows = static_cast<std::int64_t>(count);
  return std::make_shared<TensorDataset>(
      Array{inputs->data(), ElementType::float32, {rows, trial.width}, inputs},
      Array{targets->data(), ElementType::float32, {rows, 1}, targets});
}

TrainTask task_of(const Trial& trial) {
  TrainingConfig training;
  training.optimizer = "sgd";
  training.lr = trial.rate * static_cast<double>(trial.patients);
  training.weight_decay = 0;
  training.local_steps = 1;
  training.loss.name = "mse";
  PrivacyConfig privacy;
  privacy.clip = trial.clip;
  privacy.noise_multiplier = trial.noise_multiplier;
  privacy.sampling_rate = trial.rate;
  privacy.delta = 1e-5;  // the steps do not depend on it
  TrainTask task;
  task.run = "audit";
  task.site = "audit";
  task.rounds = static_cast<std::uint64_t>(trial.steps);
  task.training = training.to_settings();
  task.privacy = privacy.to_settings();
  return task;
}

}  // namespace

PrivateSteps trainer_steps(std::string device) {
  return [device = std::move(device)](const Trial& trial) {
    NetworkConfig network;
    network.name = "linear";
    network.in_channels = trial.width;
    network.out_channels = 1;
    network.trainable = {"weight"};
    TorchTrainer trainer(network, patients_of(trial),
                         {.device = device, .n_public = trial.patients});
    auto task = task_of(trial);
    const auto width = static_cast<std::size_t>(trial.width);
    std::vector<float> model(trainer.layout().size()), delta(model.size()), released;
    for (std::int64_t step = 0; step < trial.steps; ++step) {
      task.round = static_cast<std::uint64_t>(step) + 1;
      trainer.train(model, delta, task, {});
      for (std::size_t i = 0; i < width; ++i) released.push_back(-delta[i]);
    }
    return released;
  };
}

}  // namespace collegium
