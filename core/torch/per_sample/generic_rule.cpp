#include "torch/per_sample/generic_rule.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>

#include "torch/per_sample/graph_pass.h"

namespace collegium::per_sample {
namespace {

// A node's derivative towards its weights and nothing else: below its samples the same parameters
// may appear once more, and have their share from there.
class TowardsWeights final : public ag::Node {
 public:
  TowardsWeights(NodePtr node, const std::vector<Weight>& weights,
                 const ag::variable_list& gradients)
      : node_(std::move(node)) {
    for (const auto& weight : weights) {
      inputs_.push_back(weight.input);
      add_next_edge(weight.edge);
    }
    for (const auto& gradient : gradients)
      gradient.defined() ? add_input_metadata(gradient) : add_input_metadata(undefined_input());
  }

  ag::variable_list apply(ag::variable_list&& gradients) override {
    const auto all = (*node_)(std::move(gradients));
    ag::variable_list towards;
    for (const auto input : inputs_) towards.push_back(all[input]);
    return towards;
  }

 private:
  NodePtr node_;
  std::vector<std::size_t> inputs_;
};

// Collects one sample after the other.
class RowCollector {
 public:
  RowCollector(const std::vector<Weight>& weights, std::int64_t samples) : samples_(samples) {
    for (const auto& weight : weights) {
      for (const auto& leaf : weight.leaves) {
        const bool there = std::ranges::any_of(
            rows_, [&](const auto& known) { return known.parameter == leaf.parameter; });
        if (there) continue;
        rows_.push_back({leaf.parameter, {}});
        ends_.push_back(leaf.edge);
      }
    }
  }

  void run(std::int64_t sample, const ag::edge_list& start, const ag::variable_list& gradients) {
    const auto found = backward_between(start, gradients, ends_);
    for (std::size_t k = 0; k < found.size(); ++k) {
      if (!found[k].defined()) continue;
      auto& rows = rows_[k].rows;
      if (!rows.defined()) rows = at::zeros({samples_, found[k].numel()}, found[k].options());
      rows[sample].copy_(found[k].reshape({-1}));
    }
  }

  std::vector<ParameterRows> rows() && {
    std::erase_if(rows_, [](const auto& known) { return !known.rows.defined(); });
    return std::move(rows_);
  }

 private:
  std::int64_t samples_;
  ag::edge_list ends_;
  std::vector<ParameterRows> rows_;
};

}  // namespace

std::vector<ParameterRows> generic_rows(const NodePtr& node, const std::vector<Weight>& weights,
                                        std::int64_t samples,
                                        std::span<const std::optional<RowLayout>> layouts,
                                        const ag::variable_list& gradients) {
  const auto towards = make_node<TowardsWeights>(node, weights, gradients);
  ag::edge_list start;
  for (std::size_t k = 0; k < gradients.size(); ++k)
    if (gradients[k].defined() && layouts[k])
      start.emplace_back(towards, static_cast<std::uint32_t>(k));
  RowCollector collector(weights, samples);
  for (std::int64_t i = 0; i < samples; ++i) {
    ag::variable_list one;
    for (const auto& edge : start) {
      const auto& all = gradients[edge.input_nr];
      const auto layout = *layouts[edge.input_nr];
      one.push_back(at::zeros_like(all));
      by_sample(one.back(), layout, samples)[i].copy_(by_sample(all, layout, samples)[i]);
    }
    collector.run(i, start, one);
  }
  return std::move(collector).rows();
}

std::vector<ParameterRows> derived_rows(const Weight& weight, const at::Tensor& rows) {
  RowCollector collector({weight}, rows.size(0));
  for (std::int64_t i = 0; i < rows.size(0); ++i)
    collector.run(i, {weight.edge}, {rows[i].view(weight.shape)});
  return std::move(collector).rows();
}

}  // namespace collegium::per_sample
