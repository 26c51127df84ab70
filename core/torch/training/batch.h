#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "torch/data/examples.h"
#include "torch/network/network.h"

namespace collegium {

// Examples stacked along a new first axis, on the device of the model.
struct Batch {
  at::Tensor inputs, targets;
  Pass pass;
};

// Shapes must agree (DataError). `channels_last`: images and volumes in the memory order that
// convolutions like best.
Batch stack(const std::vector<Example>& examples, std::vector<std::uint64_t> dropout_keys,
            at::Device device, bool channels_last);

// On the CPU torch computes a batch of one small volume with a slow kernel: the same volume twice
// is faster, and has the same mean loss and gradient.
bool prefers_pairs(const Example& example);

}  // namespace collegium
