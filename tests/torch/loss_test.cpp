#include "torch/training/losses.h"

#include <gtest/gtest.h>

#include <cmath>

#include "collegium/error.h"
#include "reference.h"

namespace collegium {
namespace {

using testing::formula;

at::Tensor logits(const std::vector<std::int64_t>& shape) {
  return formula(shape,
                 [](double i) { return 3 * std::sin(0.37 * i + 1.1) + std::cos(0.011 * i); });
}

at::Tensor targets(const std::vector<std::int64_t>& shape, double p) {
  return formula(shape, [&](double i) { return std::sin(0.25 * i + 0.55) > p; });
}

TEST(DiceLoss, AgreesWithMonaiInValueAndGradient) {
  int cases = 0;
  const auto all = testing::reference("medical_reference.json");
  for (const auto& c : all.at("losses").at("cases")) {
    const auto& args = c.at("args");
    if (c.at("cls") != "DiceLoss" || !args.contains("sigmoid") || args.contains("jaccard"))
      continue;
    SCOPED_TRACE(c.at("name").get<std::string>() + " " + c.at("p").dump());
    ++cases;
    const auto loss = make_loss({.name = "dice",
                                 .squared_pred = args.value("squared_pred", false),
                                 .smooth_nr = args.value("smooth_nr", 1e-5),
                                 .smooth_dr = args.value("smooth_dr", 1e-5),
                                 .batch = args.value("batch", false)});
    auto x = logits(c.at("shape")).set_requires_grad(true);
    const auto value = loss->mean(x, targets(c.at("shape"), c.at("p")));
    EXPECT_NEAR(value.item<double>(), c.at("loss"), 1e-5 * c.at("loss").get<double>());
    value.backward();
    const double scale = 1e-4 * c.at("grad_abs_sum").get<double>() + 1e-12;
    EXPECT_NEAR(x.grad().sum().item<double>(), c.at("grad_sum"), scale);
    EXPECT_NEAR(x.grad().abs().sum().item<double>(), c.at("grad_abs_sum"), scale);
    for (int i = 0; i < 5; ++i) {
      const double want = c.at("grad_first5")[static_cast<std::size_t>(i)];
      EXPECT_NEAR(x.grad().view({-1})[i].item<double>(), want, 1e-4 * std::abs(want) + 1e-12);
    }
  }
  EXPECT_EQ(cases, 12);
}

class AnyLoss : public ::testing::TestWithParam<LossConfig> {};

TEST_P(AnyLoss, OfSingleSamplesIsTheMeanOfABatchOfOne) {
  const auto loss = make_loss(GetParam());
  const std::vector<std::int64_t> shape = {3, 3, 4, 5, 6};
  const auto x = logits(shape);
  const auto t = GetParam().name == "cross_entropy"
                     ? formula(
                           {3, 4, 5, 6}, [](double i) { return std::fmod(i, 3); }, at::kLong)
                     : targets(shape, 0.3);
  const auto each = loss->per_sample(x, t);
  ASSERT_EQ(each.sizes(), at::IntArrayRef({3}));
  for (std::int64_t i = 0; i < 3; ++i)
    EXPECT_NEAR(each[i].item<double>(),
                loss->mean(x.narrow(0, i, 1), t.narrow(0, i, 1)).item<double>(), 1e-6);
  if (GetParam().batch) return;
  EXPECT_NEAR(each.mean().item<double>(), loss->mean(x, t).item<double>(), 1e-6);
}

INSTANTIATE_TEST_SUITE_P(
    , AnyLoss,
    ::testing::Values(LossConfig{.name = "dice"}, LossConfig{.name = "dice_bce"},
                      LossConfig{.name = "dice", .batch = true},
                      LossConfig{.name = "cross_entropy"}, LossConfig{.name = "mse"}),
    [](const auto& info) { return info.param.name + (info.param.batch ? "_batch" : ""); });

TEST(DiceBceLoss, AddsTheMeanBinaryCrossEntropyOfEveryVoxel) {
  const std::vector<std::int64_t> shape = {1, 2, 2, 2, 2};
  const auto x = logits(shape), t = targets(shape, 0.3);
  double entropy = 0;
  for (std::int64_t i = 0; i < 16; ++i) {
    const double p = 1 / (1 + std::exp(-x.view({-1})[i].item<double>()));
    entropy -= t.view({-1})[i].item<double>() > 0 ? std::log(p) : std::log(1 - p);
  }
  const double both = make_loss({.name = "dice_bce"})->mean(x, t).item<double>();
  EXPECT_NEAR(both - make_loss({.name = "dice"})->mean(x, t).item<double>(), entropy / 16, 1e-6);
}

TEST(Loss, RefusesAnUnknownName) { EXPECT_THROW(make_loss({.name = "dise"}), ConfigError); }

TEST(DiceLoss, RefusesTargetsOfAnotherShape) {
  EXPECT_THROW(make_loss({})->mean(logits({1, 3, 4, 4, 4}), targets({1, 2, 4, 4, 4}, 0.3)),
               DataError);
}

}  // namespace
}  // namespace collegium
