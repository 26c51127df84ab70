#pragma once
#include <unordered_map>

#include "torch/per_sample/graph.h"

namespace collegium::per_sample {

struct Leaf {
  std::size_t parameter;  // which of the caller's
  ag::Edge edge;
};

// What a node takes besides its samples: a parameter, or something computed from parameters alone.
struct Weight {
  enum class Form {
    parameter,   // the parameter's elements in their own order
    transposed,  // a matrix whose transpose is the parameter
    derived      // any other function, of one parameter or several
  };
  std::size_t input;  // which of the node's edges
  ag::Edge edge;      // the same edge: where the gradient of the weight flows
  Shape shape;
  Form form = Form::parameter;
  std::vector<Leaf> leaves;
};

// A node where samples and parameters meet.
struct Use {
  std::size_t node;
  std::vector<Weight> weights;
  // Its output may after all depend on parameters alone: it repeats a parameter, or meets something
  // without a gradient, which is a constant or a sample. The layout of its gradient tells.
  bool may_be_weight = false;
  bool meets_unknown = false;
};

using ParameterIndex = std::unordered_map<const at::TensorImpl*, std::size_t>;

// Splits the graph into what depends on samples and what depends on parameters alone, and lists the
// nodes on the seam; every path from the losses to a parameter crosses exactly one. `weights` marks
// nodes of may_be_weight that turned out to depend on parameters alone.
std::vector<Use> find_uses(const Graph& graph, const ParameterIndex& parameters,
                           std::int64_t samples, const std::vector<char>& weights);

}  // namespace collegium::per_sample
