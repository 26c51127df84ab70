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

#include "one_by_one.h"
#include "support/expect_problem.h"

namespace collegium {
namespace {

class SampleGradientsOf : public ::testing::TestWithParam<Ghost> {};

TEST_P(SampleGradientsOf, EachSampleIsThatOfItsOwnLoss) {
  at::set_num_threads(1);  // many small passes: on a busy machine threads wait for each other
  for (const auto& network : networks()) {
    SampleLayouts layouts;
    for (const std::int64_t samples : {4, 7, 1, 3, 2, 11})
      EXPECT_LT(distance_from_one_by_one(network, samples, layouts, GetParam()), 1e-11)
          << network.name << ", " << samples << " samples";
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
