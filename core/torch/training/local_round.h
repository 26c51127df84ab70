#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "config/training_config.h"
#include "federation/trainer.h"
#include "torch/data/dataset.h"
#include "torch/data/examples.h"
#include "torch/network/flat_model.h"
#include "torch/network/network.h"
#include "torch/training/iterates.h"
#include "torch/training/losses.h"
#include "torch/training/optimizers.h"

namespace collegium {

constexpr std::size_t kStepsAhead = 2;  // batches made while the network works on the one before

// What one round of a site's training works with, plain or private; `model` holds the parameters.
struct LocalRound {
  const TrainTask& task;
  const TrainingConfig& training;
  const Progress& progress;
  const Network& network;
  const Layout& layout;
  const Dataset& data;  // what is trained on: validation subjects are not in it
  const Loss& loss;
  FlatModel& model;
  Optimizer& optimizer;
  double rate;           // of learning
  MeanOfIterates* mean;  // what the site answers with; null: the model after the last step

  // Sample `index` of `data` as the network sees it in `step`. Random choices are keyed by (seed,
  // round, site and subject, step) and by `number`, which tells samples of one step apart; the key
  // of the sample's dropout mask is added to `dropout_keys`.
  Example example(std::size_t index, std::int64_t step, std::uint64_t number,
                  std::vector<std::uint64_t>& dropout_keys) const;
  // Whether batches lie channels last: as the run asks, where the network can.
  bool channels_last() const { return training.channels_last && network.any_memory_order(); }
  void step(std::span<const float> gradient, std::int64_t at, std::int64_t steps) const;
  // Error when the caller says stop.
  void report(std::int64_t step, std::int64_t steps, double loss) const;
};

}  // namespace collegium
