#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>

#include "reference.h"
#include "torch/network/flat_model.h"
#include "torch/network/segresnet.h"
#include "torch/network/small_networks.h"
#include "torch/per_sample/sample_gradients.h"
#include "torch/training/losses.h"

namespace collegium {
namespace {

using testing::formula;

struct Case {
  std::string name;
  std::shared_ptr<Network> network;
  std::vector<std::string> trainable;
  std::vector<std::int64_t> input, target;
};

std::vector<Case> cases() {
  const auto seg = std::make_shared<SegResNet>(
      SegResNet::Options{.dropout = 0.3, .blocks_down = {1, 1, 1}, .blocks_up = {1, 1}});
  return {
      {"segresnet", seg, {}, {2, 4, 4, 8, 4}, {2, 3, 4, 8, 4}},
      {"segresnet_norm_bias_head", seg, {"norm", "bias", "head"}, {2, 4, 4, 8, 4}, {2, 3, 4, 8, 4}},
      {"segresnet_convolutions",
       seg,
       {"conv1", "down_layers.1.0"},
       {2, 4, 4, 8, 4},
       {2, 3, 4, 8, 4}},
      {"small_cnn", std::make_shared<SmallCnn>(2, 3, 4, 0.3), {}, {4, 2, 9, 8}, {4, 3}},
      {"mlp", std::make_shared<Mlp>(std::vector<std::int64_t>{5, 7, 2}), {}, {4, 5}, {4, 2}},
      {"mlp_bias",
       std::make_shared<Mlp>(std::vector<std::int64_t>{5, 7, 2}),
       {"bias"},
       {4, 5},
       {4, 2}},
      {"linear", std::make_shared<Mlp>(std::vector<std::int64_t>{5, 2}), {}, {1, 5}, {1, 2}}};
}

class PerSample : public ::testing::TestWithParam<Case> {};

// In double both sides do the same arithmetic up to the order of sums, so only a wrong rule can
// differ.
TEST_P(PerSample, GradientsOfOnePassAreThoseOfSinglePasses) {
  const auto& c = GetParam();
  const auto layout = layout_of(*c.network, c.trainable);
  const auto loss = make_loss({.name = c.input.size() == 5 ? "dice_bce" : "mse"});
  FlatModel model(layout, at::kCPU, at::kDouble);
  model.load(initial_values(*c.network, 5));
  const auto x = formula(
      c.input, [](double i) { return std::sin(0.7 * i) + 0.2 * std::cos(0.05 * i * i); },
      at::kDouble);
  const auto t = formula(
      c.target, [](double i) { return std::sin(1.3 * i) > 0.2; }, at::kDouble);
  std::vector<std::uint64_t> keys;
  for (std::int64_t i = 0; i < x.size(0); ++i) keys.push_back(static_cast<std::uint64_t>(100 + i));

  std::vector<at::Tensor> trainable, sums;
  for (const auto& parameter : model.parameters())
    if (parameter.requires_grad()) {
      trainable.push_back(parameter);
      sums.push_back(parameter.grad());
    }
  using Ghost = SampleGradientOptions::Ghost;
  for (const auto ghost : {Ghost::never, Ghost::always, Ghost::where_cheaper}) {
    SampleLayouts layouts;
    const auto gradients =
        SampleGradients::of(loss->per_sample(c.network->forward(x, model.parameters(), {keys}), t),
                            trainable, layouts, {.ghost = ghost});
    EXPECT_TRUE(gradients.notes().empty()) << gradients.notes().front();  // a rule for every node
    for (std::int64_t i = 0; i < x.size(0); ++i) {
      auto factors = at::zeros({1, x.size(0)}, at::kDouble);
      factors[0][i] = 1;
      model.zero_gradient();
      gradients.add_weighted_sum(factors, sums);
      const auto found = model.flat_gradient().clone();
      model.zero_gradient();
      const auto y = c.network->forward(x.narrow(0, i, 1), model.parameters(),
                                        {{keys[static_cast<std::size_t>(i)]}});
      loss->mean(y, t.narrow(0, i, 1)).backward();
      const auto norm = model.flat_gradient().norm().item<double>();
      ASSERT_GT(norm, 0);
      EXPECT_LT((found - model.flat_gradient()).norm().item<double>(), 1e-12 * norm);
      EXPECT_NEAR(gradients.squared_norms()[0][i].item<double>(), norm * norm, 1e-10 * norm * norm);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, PerSample, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace collegium
