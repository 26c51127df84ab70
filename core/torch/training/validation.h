#pragma once
#include <c10/core/Device.h>

#include <span>
#include <vector>

#include "config/training_config.h"
#include "federation/trainer.h"
#include "torch/data/dataset.h"
#include "torch/network/network.h"
#include "torch/training/losses.h"

namespace collegium {

struct SubjectSplit {
  std::vector<std::size_t> training, validation;
};

// The last `validation` subjects by name are kept aside; ConfigError if nobody would be left.
SubjectSplit split_subjects(const Dataset& data, std::int64_t validation);

// What may be released under noise: means over exactly these subjects of scores in [0, 1], so that
// one subject exchanged for another moves each of them by at most 1 / subjects. Volumes with
// regions: dice_REGION by the rule of BraTS (nothing there and nothing found: 1). Others: accuracy,
// where targets are classes; a subject with several samples counts with their mean.
std::vector<Metric> bounded_metrics(const Network& network, std::span<const float> model,
                                    const Dataset& data, const std::vector<std::size_t>& subjects,
                                    const TrainingConfig& training, int threads,
                                    const std::string& device);

// Means over the given subjects. Volumes with regions: dice_REGION over the subjects who have that
// region (the count says how many), and hd95_REGION over the same. Others: loss, and accuracy where
// targets are classes.
std::vector<Metric> validation_metrics(const Network& network, const Loss& loss,
                                       std::span<const float> model, const Dataset& data,
                                       const std::vector<std::size_t>& subjects,
                                       const TrainingConfig& training, int threads,
                                       const std::string& device);

}  // namespace collegium
