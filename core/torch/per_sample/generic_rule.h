#pragma once
#include <optional>
#include <span>

#include "torch/per_sample/node_rule.h"

namespace collegium::per_sample {

// Per-sample gradients of parameters, by number, [samples, elements] each.
struct ParameterRows {
  std::size_t parameter;
  at::Tensor rows;
};

// Those of the weights of a node of any kind: a node's derivative is linear in what flows in, so
// what one sample's rows send down is that sample's share. One backward pass through this node
// alone for every sample. `layouts` has an element for every output.
std::vector<ParameterRows> generic_rows(const NodePtr& node, const std::vector<Weight>& weights,
                                        std::int64_t samples,
                                        std::span<const std::optional<RowLayout>> layouts,
                                        const ag::variable_list& gradients);

// Those behind a weight that is computed from parameters, from the weight's own [samples,
// elements].
std::vector<ParameterRows> derived_rows(const Weight& weight, const at::Tensor& rows);

}  // namespace collegium::per_sample
