#include "torch/per_sample/uses.h"

#include <torch/csrc/autograd/functions/accumulate_grad.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <unordered_set>

#include "collegium/error.h"

namespace collegium::per_sample {
namespace {

// Operations without hidden operands: what they compute depends on their differentiable inputs, on
// numbers, and on tensors whose edge is empty.
bool is_function_of_inputs(const std::string& operation) {
  static const std::unordered_set<std::string> known{"T",
                                                     "Transpose",
                                                     "Permute",
                                                     "View",
                                                     "UnsafeView",
                                                     "ReshapeAlias",
                                                     "Alias",
                                                     "Squeeze",
                                                     "Unsqueeze",
                                                     "Select",
                                                     "Slice",
                                                     "Split",
                                                     "SplitWithSizes",
                                                     "UnsafeSplit",
                                                     "UnsafeSplitWithSizes",
                                                     "Unbind",
                                                     "Diagonal",
                                                     "AsStrided",
                                                     "Clone",
                                                     "ToCopy",
                                                     "Cat",
                                                     "Stack",
                                                     "Flip",
                                                     "Roll",
                                                     "Expand",
                                                     "Repeat",
                                                     "Add",
                                                     "Sub",
                                                     "Rsub",
                                                     "Mul",
                                                     "Div",
                                                     "Neg",
                                                     "Pow",
                                                     "Exp",
                                                     "Log",
                                                     "Sqrt",
                                                     "Rsqrt",
                                                     "Reciprocal",
                                                     "Sigmoid",
                                                     "Tanh",
                                                     "Softplus",
                                                     "Softmax",
                                                     "Relu",
                                                     "Abs",
                                                     "Sum",
                                                     "Mean",
                                                     "Var",
                                                     "Std",
                                                     "LinalgVectorNorm",
                                                     "Norm",
                                                     "Mm",
                                                     "Mv",
                                                     "Bmm",
                                                     "Dot",
                                                     "Tril",
                                                     "Triu",
                                                     "Clamp",
                                                     "ClampMin",
                                                     "ClampMax",
                                                     "WeightNormInterface"};
  return known.contains(operation);
}

bool keeps_order(const std::string& operation) {
  static const std::unordered_set<std::string> known{
      "View", "UnsafeView", "ReshapeAlias", "Alias", "Squeeze", "Unsqueeze", "Clone"};
  return known.contains(operation);
}

std::int64_t elements(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

class Splitter {
 public:
  Splitter(const Graph& graph, const ParameterIndex& parameters, std::int64_t samples,
           const std::vector<char>& weights)
      : graph_(graph),
        parameters_(parameters),
        samples_(samples),
        weights_(weights),
        leaves_(graph.nodes().size()) {}

  std::vector<Use> uses() {
    for (std::size_t i = 0; i < graph_.nodes().size(); ++i) visit(i);
    if (!leaves_.back().empty())
      throw ConfigError({.what = "the losses depend on the parameters alone, not on any sample",
                         .where = graph_.at(graph_.nodes().size() - 1).name()});
    return std::move(uses_);
  }

 private:
  bool is_weight(std::int64_t node) const {
    return node >= 0 && !leaves_[static_cast<std::size_t>(node)].empty();
  }

  void visit(std::size_t i) {
    auto& node = graph_.at(i);
    if (const auto* leaf = dynamic_cast<ag::AccumulateGrad*>(&node)) {
      const auto found = parameters_.find(leaf->variable.unsafeGetTensorImpl());
      if (found != parameters_.end())
        leaves_[i].push_back({found->second, {graph_.nodes()[i].node, 0}});
      return;
    }
    const auto& children = graph_.nodes()[i].children;
    if (std::ranges::none_of(children, [&](auto child) { return is_weight(child); })) return;

    Use use{.node = i, .weights = {}};
    const bool samples_below =
        std::ranges::any_of(children, [&](auto child) { return child >= 0 && !is_weight(child); });
    if (!samples_below && is_function_of_inputs(operation(node))) {
      use.meets_unknown = std::ranges::find(children, -1) != children.end();
      use.may_be_weight = use.meets_unknown || repeats(node);
      if (!use.may_be_weight || weights_[i]) return take_leaves(i);
    }
    for (std::size_t input = 0; input < children.size(); ++input)
      if (is_weight(children[input])) use.weights.push_back(weight(i, input));
    uses_.push_back(std::move(use));
  }

  // Whether samples may lie along what an expansion or a repetition added.
  bool repeats(const ag::Node& node) const {
    const auto name = operation(node);
    return (name == "Expand" || name == "Repeat") &&
           elements(output_shape(node, 0)) % samples_ == 0;
  }

  void take_leaves(std::size_t i) {
    for (const auto child : graph_.nodes()[i].children) {
      if (child < 0) continue;
      for (const auto& leaf : leaves_[static_cast<std::size_t>(child)]) {
        const bool there = std::ranges::any_of(
            leaves_[i], [&](const Leaf& known) { return known.parameter == leaf.parameter; });
        if (!there) leaves_[i].push_back(leaf);
      }
    }
  }

  Weight weight(std::size_t i, std::size_t input) const {
    const auto& edge = graph_.at(i).next_edges()[input];
    auto top = static_cast<std::size_t>(graph_.nodes()[i].children[input]);
    Weight weight{.input = input,
                  .edge = edge,
                  .shape = output_shape(*edge.function, edge.input_nr),
                  .leaves = leaves_[top]};
    const auto down = [&] { top = static_cast<std::size_t>(graph_.nodes()[top].children[0]); };
    const auto is_leaf = [&] { return graph_.nodes()[top].children.empty(); };
    const auto skip_views = [&] {
      while (!is_leaf() && keeps_order(operation(graph_.at(top)))) down();
    };
    const bool matrix = !is_leaf() && operation(graph_.at(top)) == "T" && weight.shape.size() == 2;
    if (matrix) down();
    skip_views();
    weight.form = !is_leaf() ? Weight::Form::derived
                  : matrix   ? Weight::Form::transposed
                             : Weight::Form::parameter;
    return weight;
  }

  const Graph& graph_;
  const ParameterIndex& parameters_;
  std::int64_t samples_;
  const std::vector<char>& weights_;
  std::vector<std::vector<Leaf>> leaves_;  // of nodes that depend on parameters alone
  std::vector<Use> uses_;
};

}  // namespace

std::vector<Use> find_uses(const Graph& graph, const ParameterIndex& parameters,
                           std::int64_t samples, const std::vector<char>& weights) {
  return Splitter(graph, parameters, samples, weights).uses();
}

}  // namespace collegium::per_sample
