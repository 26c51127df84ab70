#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "collegium/settings.h"

namespace collegium {

struct NetworkConfig;

struct LossConfig {
  std::string name = "dice";  // dice, dice_bce, cross_entropy, mse
  bool squared_pred = true;
  double smooth_nr = 0.0;
  double smooth_dr = 1e-5;
  bool batch = false;  // sum intersections over the batch before dividing

  static LossConfig read(const Settings& table);
  Settings to_settings() const;
  bool operator==(const LossConfig&) const = default;
};

// The [training] table: what a site does in one round (Li et al. 2019 give the defaults).
struct TrainingConfig {
  std::string optimizer = "adam";  // adam, sgd
  double lr = 1e-4;
  std::string lr_schedule = "constant";  // constant, linear
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 1e-5;
  std::string moments = "restart";  // restart: new every round; keep: a site keeps its own
  std::string iterates = "last";    // what a site answers with: last, mean (of the second half)
  std::int64_t batch_size = 1;
  std::int64_t local_epochs = 0;  // exactly one of these two is positive
  std::int64_t local_steps = 0;
  std::string weighting = "iterations";  // iterations, subjects, equal
  LossConfig loss;
  std::vector<std::int64_t> crop;  // depth, height, width in voxels; empty: the whole volume
  bool flip = true;                // each axis with probability 1/2
  double intensity_scale = 0.1;    // factor drawn from 1 +- this
  double intensity_shift = 0.1;    // offset drawn from +- this, in standard deviations
  double crop_foreground = 0.0;    // share of crops centred on a labelled voxel
  std::string device = "auto";     // auto, cpu, cuda
  bool channels_last = true;
  std::int64_t validation = 0;    // subjects a site keeps aside, the last ones by name
  std::vector<std::int64_t> roi;  // sliding window of the evaluation; empty: the crop
  double overlap = 0.5;           // of neighbouring windows

  static TrainingConfig read(const Settings& table);
  Settings to_settings() const;

  // Optimizer steps a round on `subjects` training subjects; > 0 whenever subjects > 0.
  std::int64_t steps_for(std::int64_t subjects) const;
  // The learning rate of one round of `rounds`; the first round is 1.
  double lr_in(std::uint64_t round, std::uint64_t rounds) const;
  bool operator==(const TrainingConfig&) const = default;
};

// What the two tables must agree on; `table` gives the positions of the [training] keys.
void check_volumes(const Settings& table, const TrainingConfig& training,
                   const NetworkConfig& network);

}  // namespace collegium
