#pragma once
#include "torch/graph/call.h"
#include "torch/graph/keyed_random.h"

namespace collegium::graph {

// The result of a call of a random operator, drawn by keys; nothing: it draws nothing this time,
// and `operands`, in which probabilities may have become 0, can be sent to the dispatcher.
std::optional<c10::IValue> random_call(const Call& call, std::vector<c10::IValue>& operands,
                                       const DrawKeys& keys, at::Device device);

}  // namespace collegium::graph
