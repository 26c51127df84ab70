#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>

#include "reference.h"
#include "torch/network/flat_model.h"
#include "torch/network/segresnet.h"
#include "torch/network/small_networks.h"
#include "torch/training/losses.h"
#include "torch/training/private_gradient.h"

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

  PerSampleGradients gradients(layout);
  const auto leaves = gradients.leaves(model, x.size(0));
  loss->per_sample(c.network->forward(x, leaves, {keys}), t).sum().backward();
  const auto rows = gradients.rows();
  for (std::int64_t i = 0; i < x.size(0); ++i) {
    model.zero_gradient();
    const auto y = c.network->forward(x.narrow(0, i, 1), model.parameters(),
                                      {{keys[static_cast<std::size_t>(i)]}});
    loss->mean(y, t.narrow(0, i, 1)).backward();
    const auto norm = model.flat_gradient().norm().item<double>();
    ASSERT_GT(norm, 0);
    EXPECT_LT((rows[i] - model.flat_gradient()).norm().item<double>(), 1e-12 * norm);
  }
}

INSTANTIATE_TEST_SUITE_P(, PerSample, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

Patient patient(double phase, std::int64_t examples = 1) {
  Patient patient;
  for (std::int64_t e = 0; e < examples; ++e) {
    Example example{{}, {}, {4, 8, 8, 8}, {3, 8, 8, 8}};
    for (int i = 0; i < 4 * 512; ++i)
      example.input.push_back(
          static_cast<float>(std::sin(0.1 * i + phase + 2.0 * static_cast<double>(e))));
    for (int i = 0; i < 3 * 512; ++i) example.target.push_back(std::sin(0.25 * i + phase) > 0.3);
    patient.examples.push_back(example);
    patient.dropout_keys.push_back(static_cast<std::uint64_t>(phase * 10) +
                                   static_cast<std::uint64_t>(e));
  }
  return patient;
}

struct SegmentationCase {
  SegResNet network{{.blocks_down = {1, 1, 1}, .blocks_up = {1, 1}}};
  std::unique_ptr<Loss> loss = make_loss({});
  Layout layout = layout_of(network, {});
  FlatModel model{layout};
  SegmentationCase() { model.load(initial_values(network, 9)); }

  std::vector<float> sum(const std::vector<Patient>& patients, collegium::PerSample mode,
                         double clip) {
    PrivateSum clipped(layout, PatientClipping(layout, ClippingMode::flat, clip));
    PrivateGradient(network, *loss, layout, model, mode).add(patients, clipped);
    return {clipped.unprotected().begin(), clipped.unprotected().end()};
  }
};

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum);
}

TEST(PrivateGradient, IsTheSameWithBothMethods) {
  SegmentationCase c;
  const std::vector<Patient> patients = {patient(0.1), patient(1.2, 2), patient(2.3)};
  const double clip = 0.02;  // below every gradient's norm
  const auto loop = c.sum(patients, collegium::PerSample::loop, clip);
  const auto batched = c.sum(patients, collegium::PerSample::batched, clip);
  EXPECT_GT(distance(loop, std::vector<float>(loop.size())),
            clip);                                  // three gradients that do not cancel
  EXPECT_LT(distance(loop, batched), 1e-3 * clip);  // float32 through two different kernels
}

TEST(PrivateGradient, OfAPatientHasTheSameBitsWhoeverElseWasDrawn) {
  SegmentationCase c;
  const auto alone = c.sum({patient(0.4)}, collegium::PerSample::batched, 1e6);
  auto other = patient(1.9);
  for (auto& x : other.examples[0].input)
    x = std::numeric_limits<float>::quiet_NaN();  // contributes zero
  EXPECT_EQ(c.sum({patient(0.4), other}, collegium::PerSample::batched, 1e6), alone);
}

TEST(PrivateGradient, OfAPatientWithManyImagesIsClippedOnce) {
  SegmentationCase c;
  const double clip = 0.01;
  const auto sum = c.sum({patient(0.4, 5)}, collegium::PerSample::batched, clip);
  const double norm = distance(sum, std::vector<float>(sum.size()));
  EXPECT_LE(norm, clip);
  EXPECT_GT(norm, 0.99 * clip);
}

}  // namespace
}  // namespace collegium
