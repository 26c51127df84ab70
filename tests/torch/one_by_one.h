#pragma once
// Small networks of double numbers over every rule for a node, and how far what one pass finds for
// them is from a pass for each sample.
#include <ATen/TensorOperators.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "torch/per_sample/sample_gradients.h"

namespace collegium {

using Ghost = SampleGradientOptions::Ghost;
using Tensors = std::vector<at::Tensor>;

inline Tensors leaves(const std::vector<std::vector<std::int64_t>>& shapes) {
  Tensors leaves;
  for (const auto& shape : shapes)
    leaves.push_back(at::randn(shape, at::kDouble).set_requires_grad(true));
  return leaves;
}

inline at::Tensor squares(const at::Tensor& y) { return (y * y).flatten(1).sum(1); }

struct SmallNetwork {
  std::string name;
  Tensors parameters;
  std::function<at::Tensor(std::int64_t samples, const Tensors&)> losses;
};

inline std::vector<SmallNetwork> networks() {
  return {
      {"convolutions", leaves({{6, 2, 3, 3}, {6}, {4, 3, 2, 2}, {6}, {6}, {3, 16}}),
       [](std::int64_t samples, const Tensors& p) {
         auto y = at::convolution(at::randn({samples, 2, 7, 6}, at::kDouble), p[0], p[1], {2, 2},
                                  {1, 1}, {1, 1}, false, {0, 0}, 1);
         y = at::tanh(at::group_norm(y, 3, p[3], p[4]));
         y = at::convolution(y, p[2], {}, {1, 1}, {0, 0}, {1, 1}, false, {0, 0}, 2);
         return squares(at::linear(at::tanh(y).flatten(1).narrow(1, 0, 16), p[5]));
       }},
      {"words", leaves({{9, 4}, {4}, {4}, {4, 4}, {4}}),
       [](std::int64_t samples, const Tensors& p) {
         auto y = at::embedding(p[0], at::randint(9, {samples, 5}, at::kLong), 2);
         y = at::linear(at::layer_norm(y, {4}, p[1], p[2]), p[3], p[4]);
         return squares(at::linear(at::tanh(y), p[0]));  // the table once more
       }},
      {"tokens_first", leaves({{5, 3}, {5}, {5, 5}}), [](std::int64_t samples, const Tensors& p) {
         auto y = at::linear(at::randn({6, samples, 3}, at::kDouble), p[0], p[1]);
         y = at::linear(at::tanh(y), p[2]);
         return squares(at::tanh(at::linear(y, p[2])).transpose(0, 1));
       }}};
}

// The largest relative distance of norms and weighted sums from the same of single passes.
inline double distance_from_one_by_one(const SmallNetwork& network, std::int64_t samples,
                                       SampleLayouts& layouts, Ghost ghost) {
  const auto losses = network.losses(samples, network.parameters);
  const auto factors = at::randn({1, samples}, at::kDouble);
  Tensors sums, found;
  auto norms = at::zeros({1, samples}, at::kDouble);
  for (const auto& parameter : network.parameters) {
    sums.push_back(at::zeros_like(parameter).set_requires_grad(false));
    found.push_back(at::zeros_like(parameter).set_requires_grad(false));
  }
  for (std::int64_t i = 0; i < samples; ++i) {
    const auto single = torch::autograd::grad({losses[i]}, network.parameters, {}, true);
    for (std::size_t p = 0; p < sums.size(); ++p) {
      sums[p].add_(single[p] * factors[0][i]);
      norms[0][i] += (single[p] * single[p]).sum();
    }
  }
  const auto gradients = SampleGradients::of(losses, network.parameters, layouts, {.ghost = ghost});
  gradients.add_weighted_sum(factors, found);
  double worst = (gradients.squared_norms() / norms - 1).abs().max().item<double>();
  for (std::size_t p = 0; p < sums.size(); ++p)
    worst =
        std::max(worst, (found[p] - sums[p]).norm().item<double>() / sums[p].norm().item<double>());
  return gradients.notes().empty() ? worst : 1;  // a formula was there and not used
}

}  // namespace collegium
