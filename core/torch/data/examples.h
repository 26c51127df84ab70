#pragma once
#include <cstdint>
#include <vector>

#include "config/training_config.h"
#include "imaging/draws.h"
#include "torch/data/dataset.h"

namespace collegium {

// A training example as the network takes it, dense. Targets are float32 too: class indices are
// exact in it below 2^24.
struct Example {
  std::vector<float> input, target;
  std::vector<std::int64_t> input_shape, target_shape;
  bool index_target = false;  // the target was int64: a class
};

// Makes an example of an item. Volumes [channels, d, h, w] are cropped (uniformly, or with
// probability crop_foreground centred on a labelled voxel; an axis shorter than the crop is padded
// with 0; without a crop every axis is padded to a multiple of `divisor`), flipped along each axis
// with probability 1/2, normalised over their non-zero voxels if they are as scanned, then scaled
// by 1 + U(-s, s) and shifted by U(-t, t), one draw for all channels. Normalisation follows the
// crop: its statistics are the crop's. Other items are taken as they are.
Example make_example(const Item& item, const TrainingConfig& training, bool as_scanned,
                     Draws& draws, std::int64_t divisor = 1);

// The whole item, normalised if it is as scanned, nothing random.
Example whole_example(const Item& item, bool as_scanned);

}  // namespace collegium
