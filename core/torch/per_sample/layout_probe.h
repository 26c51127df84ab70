#pragma once
#include "torch/per_sample/layout_memory.h"

namespace collegium::per_sample {

// A batch and the graph of its losses.
struct Batch {
  const Graph& graph;
  const ParameterIndex& parameters;
  at::Tensor losses;              // [samples], two or more
  std::vector<ag::Edge> inputs;   // leaves that carry samples
  bool inputs_are_known = false;  // whether those are all: then what has no gradient is constant
};

// Finds where the samples lie in the gradient of every node that takes a parameter, by backward
// passes with other seeds; ConfigError where samples are mixed.
GraphLayout probe_layout(const Batch& batch);

// Refuses nodes that have no per-sample gradients whatever flows: batch statistics, counts over the
// batch, parts of the network that are not in the graph.
void check_kinds(const Graph& graph, std::int64_t samples);

}  // namespace collegium::per_sample
