#pragma once
#include <cmath>
#include <memory>
#include <vector>

#include "config/privacy_config.h"
#include "config/training_config.h"
#include "torch/training/torch_trainer.h"

namespace collegium::testing {

// A linear regression with two outputs, reproducible by formula.
inline std::shared_ptr<TensorDataset> table(std::size_t rows, double phase = 0,
                                            std::vector<std::size_t> subject_of = {}) {
  auto x = std::make_shared<std::vector<float>>();
  auto y = std::make_shared<std::vector<float>>();
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t k = 0; k < 3; ++k)
      x->push_back(static_cast<float>(std::sin(phase + 1.7 * static_cast<double>(3 * i + k))));
    for (std::size_t k = 0; k < 2; ++k)
      y->push_back(static_cast<float>(std::cos(phase + 0.9 * static_cast<double>(2 * i + k))));
  }
  const auto n = static_cast<std::int64_t>(rows);
  return std::make_shared<TensorDataset>(Array{x->data(), ElementType::float32, {n, 3}, x},
                                         Array{y->data(), ElementType::float32, {n, 2}, y},
                                         std::move(subject_of));
}

// Volumes with 4 channels and 3 regions.
inline std::shared_ptr<TensorDataset> volumes(std::int64_t count, std::int64_t edge) {
  const auto voxels = static_cast<std::size_t>(count * edge * edge * edge);
  auto images = std::make_shared<std::vector<float>>(4 * voxels);
  auto regions = std::make_shared<std::vector<std::uint8_t>>(3 * voxels);
  for (std::size_t i = 0; i < images->size(); ++i)
    (*images)[i] = static_cast<float>(std::sin(0.37 * static_cast<double>(i)));
  for (std::size_t i = 0; i < regions->size(); ++i)
    (*regions)[i] = std::sin(0.02 * static_cast<double>(i)) > 0.5;
  return std::make_shared<TensorDataset>(
      Array{images->data(), ElementType::float32, {count, 4, edge, edge, edge}, images},
      Array{regions->data(), ElementType::uint8, {count, 3, edge, edge, edge}, regions});
}

inline NetworkConfig network(std::string name, std::int64_t in_channels = 4,
                             std::int64_t out_channels = 3) {
  NetworkConfig config;
  config.name = std::move(name);
  config.in_channels = in_channels;
  config.out_channels = out_channels;
  return config;
}

inline NetworkConfig linear_network() { return network("linear", 3, 2); }

inline TrainingConfig sgd(double lr, std::int64_t batch, std::int64_t steps) {
  TrainingConfig training;
  training.optimizer = "sgd";
  training.lr = lr;
  training.weight_decay = 0;
  training.batch_size = batch;
  training.local_steps = steps;
  training.loss.name = "mse";
  training.device = "cpu";
  return training;
}

inline TrainTask task(const TrainingConfig& training, Settings privacy = {}) {
  TrainTask task;
  task.run = "00ff";
  task.round = 1;
  task.rounds = 1;
  task.site = "guys";
  task.seed = 42;
  task.training = training.to_settings();
  task.privacy = std::move(privacy);
  return task;
}

inline Settings privacy(double clip, double noise_multiplier, double rate) {
  PrivacyConfig config;
  config.clip = clip;
  config.noise_multiplier = noise_multiplier;
  config.delta = 1e-5;
  config.sampling_rate = rate;
  return config.to_settings();
}

}  // namespace collegium::testing
