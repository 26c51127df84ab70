#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "torch/graph/call.h"

namespace collegium::graph {

// What torch leaves to its callers. Python code that gets this wrong kills its own process; a graph
// would kill somebody else's.

// Before a call. Throws DataError: recurrent layers whose parameters are not of the shapes that
// they are read with, masks as indices (the shape of the result would tell of the data), the one
// division of integers that the processor traps, and results in more pieces than any network has.
void check_operands(const Call& call, const std::vector<c10::IValue>& operands);

// After it. Throws DataError: a tensor that would not fit the memory limit if it were written out,
// as the largest views do not (whatever walks over it would take for ever), or that has fewer than
// no elements, as some operators make of empty ones.
void check_extent(const c10::IValue& result);

// The tensors of a value: itself, or those of a tuple or list.
std::vector<at::Tensor> tensors_of(const c10::IValue& value);

}  // namespace collegium::graph
