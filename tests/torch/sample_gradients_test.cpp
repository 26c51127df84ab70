#include "torch/per_sample/sample_gradients.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <functional>

#include "support/expect_problem.h"

namespace collegium {
namespace {

using Ghost = SampleGradientOptions::Ghost;
using Tensors = std::vector<at::Tensor>;

Tensors leaves(const std::vector<std::vector<std::int64_t>>& shapes) {
  Tensors leaves;
  for (const auto& shape : shapes)
    leaves.push_back(at::randn(shape, at::kDouble).set_requires_grad(true));
  return leaves;
}

at::Tensor squares(const at::Tensor& y) { return (y * y).flatten(1).sum(1); }

struct Network {
  std::string name;
  Tensors parameters;
  std::function<at::Tensor(std::int64_t samples, const Tensors&)> losses;
};

std::vector<Network> networks() {
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

class SampleGradientsOf : public ::testing::TestWithParam<Ghost> {};

TEST_P(SampleGradientsOf, EachSampleIsThatOfItsOwnLoss) {
  at::set_num_threads(1);  // many small passes: on a busy machine threads wait for each other
  for (const auto& network : networks()) {
    SampleLayouts layouts;
    for (const std::int64_t samples : {4, 7, 1, 3, 2, 11}) {
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
      const auto gradients =
          SampleGradients::of(losses, network.parameters, layouts, {.ghost = GetParam()});
      gradients.add_weighted_sum(factors, found);
      EXPECT_LT((gradients.squared_norms() / norms - 1).abs().max().item<double>(), 1e-11);
      for (std::size_t p = 0; p < sums.size(); ++p)
        EXPECT_LT((found[p] - sums[p]).norm().item<double>(), 1e-11 * sums[p].norm().item<double>())
            << network.name << ", parameter " << p << ", " << samples << " samples";
      EXPECT_TRUE(gradients.notes().empty());
    }
    EXPECT_EQ(layouts.probes(), 1) << network.name;
  }
}

INSTANTIATE_TEST_SUITE_P(, SampleGradientsOf,
                         ::testing::Values(Ghost::where_cheaper, Ghost::never, Ghost::always));

TEST(SampleGradients, OfAnEmptyBatchAreZero) {
  const auto network = networks()[0];
  SampleLayouts layouts;
  const auto gradients =
      SampleGradients::of(at::zeros({0}, at::kDouble), network.parameters, layouts);
  EXPECT_EQ(gradients.squared_norms().sizes(), (std::vector<std::int64_t>{1, 0}));
  auto sum = at::zeros({6, 2, 3, 3}, at::kDouble);
  Tensors sums{sum};
  for (std::size_t p = 1; p < network.parameters.size(); ++p)
    sums.push_back(at::zeros_like(network.parameters[p]).set_requires_grad(false));
  gradients.add_weighted_sum(at::zeros({1, 0}, at::kDouble), sums);
  EXPECT_EQ(sum.abs().max().item<double>(), 0);
}

TEST(SampleGradients, RefuseBatchNormalisationByName) {
  const auto p = leaves({{4, 3}, {4}, {4}});
  SampleLayouts layouts;
  const auto y = at::linear(at::randn({5, 3}, at::kDouble), p[0]);
  const auto normal = at::batch_norm(y, p[1], p[2], {}, {}, true, 0.1, 1e-5, false);
  const auto problem =
      problem_of([&] { SampleGradients::of(squares(normal.unsqueeze(2)), p, layouts); });
  EXPECT_THAT(problem.what, ::testing::HasSubstr("batch normalisation in training"));
  EXPECT_THAT(problem.where, ::testing::HasSubstr("BatchNorm"));
  EXPECT_THAT(problem.remedy, ::testing::HasSubstr("group"));
}

TEST(SampleGradients, LeaveTheGraphAsItWas) {
  const auto network = networks()[1];
  SampleLayouts layouts;
  const auto losses = network.losses(3, network.parameters);
  const auto before = torch::autograd::grad({losses.sum()}, network.parameters, {}, true);
  // A loss that mixes is refused after hooks were set on the nodes that it shares with the other.
  // Under equal seeds its gradients even cancel to zero.
  EXPECT_THAT(problem_of([&] {
                SampleGradients::of(losses - losses.mean(), network.parameters, layouts);
              }).where,
              ::testing::HasSubstr("MeanBackward0"));
  const auto after = torch::autograd::grad({losses.sum()}, network.parameters, {}, true);
  for (std::size_t p = 0; p < before.size(); ++p) EXPECT_TRUE(before[p].equal(after[p]));
  for (const auto& parameter : network.parameters) EXPECT_FALSE(parameter.grad().defined());
}

}  // namespace
}  // namespace collegium
