#pragma once
#include <cstdint>
#include <span>

#include "imaging/volume.h"
#include "torch/network/flat_model.h"
#include "torch/network/network.h"
#include "torch/training/evaluator.h"

namespace collegium {

// The network's output for a whole volume, window by window: (regions, x, y, z), logits. DataError:
// the network has another number of output channels.
FloatImage segment(const Network& network, const FlatModel& model, const FloatImage& image,
                   std::int64_t regions, const EvaluationOptions& options);

// The parameters on the device that the options allow. DataError: another network's.
FlatModel loaded_model(const Network& network, std::span<const float> model,
                       const EvaluationOptions& options);

}  // namespace collegium
