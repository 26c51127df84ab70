#include "privacy/patient_clipping.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "gradients.h"

namespace collegium {
namespace {

constexpr double kMargin = 1 - 0x1p-10;

Layout one_tensor(std::int64_t size) {
  Layout layout;
  layout.add("w", {size});
  return layout;
}

double factor_of(ClippingMode mode, double bound, double norm) {
  PatientClipping clipping(one_tensor(1), mode, bound);
  return clipping.factors(std::vector<double>{norm}).at(0);
}

TEST(FlatClipping, LeavesShortGradientsAndCutsLongOnesToTheBound) {
  EXPECT_EQ(factor_of(ClippingMode::flat, 2.0, 0.0), 1.0);
  EXPECT_EQ(factor_of(ClippingMode::flat, 2.0, 1.9), 1.0);
  EXPECT_DOUBLE_EQ(factor_of(ClippingMode::flat, 2.0, 8.0), 0.25 * kMargin);
}

TEST(AutomaticClipping, GivesEveryGradientOfSizeTheSameNorm) {
  for (const double norm : {1.0, 1e3, 1e30}) {
    const double left = norm * factor_of(ClippingMode::automatic, 2.0, norm);
    EXPECT_NEAR(left, 2.0 * kMargin * norm / (norm + 0.01), 1e-12);
  }
  // Close to zero it is linear, with the slope bound / 0.01.
  EXPECT_NEAR(factor_of(ClippingMode::automatic, 2.0, 1e-9), 200 * kMargin, 1e-4);
  EXPECT_DOUBLE_EQ(factor_of(ClippingMode::automatic, 2.0, 0.0), 200 * kMargin);
}

TEST(ClippingByLayer, BoundsLayersApartAndThemTogether) {
  const Layout layout = testing::three_layers();
  PatientClipping clipping(layout, ClippingMode::per_layer, 3.0);
  ASSERT_EQ(clipping.groups().size(), 3u);
  const auto factors = clipping.factors(std::vector<double>{1.0, std::sqrt(3.0), 30.0});
  EXPECT_EQ(factors[0], 1.0);
  EXPECT_DOUBLE_EQ(factors[1], kMargin);  // the bound of each is 3 / sqrt(3)
  EXPECT_DOUBLE_EQ(factors[2], kMargin * std::sqrt(3.0) / 30.0);
  EXPECT_EQ(clipping.sensitivity(), 3.0);
}

TEST(ClippingByLayer, TakesTheNormOfTheTrainablePartOfEachLayer) {
  const Layout layout = testing::three_layers();
  const PatientClipping clipping(layout, ClippingMode::per_layer, 1.0);
  std::vector<float> ones(layout.size(), 1.0f);
  const auto norms = clipping.norms(ones);
  EXPECT_DOUBLE_EQ(norms[0], std::sqrt(48.0));
  EXPECT_DOUBLE_EQ(norms[1], std::sqrt(6.0));
  EXPECT_DOUBLE_EQ(norms[2], std::sqrt(20.0));
}

TEST(PatientClipping, CountsAPatientWithoutAFiniteNormAsNothingInEveryLayer) {
  for (const double bad : {std::nan(""), double{INFINITY}}) {
    PatientClipping clipping(testing::three_layers(), ClippingMode::per_layer, 1.0);
    EXPECT_EQ(clipping.factors(std::vector<double>{1.0, bad, 1.0}), std::vector<double>(3, 0.0));
    EXPECT_EQ(clipping.left_out(), 1);
    for (const auto mode : {ClippingMode::flat, ClippingMode::automatic, ClippingMode::adaptive})
      EXPECT_EQ(factor_of(mode, 1.0, bad), 0.0);
  }
}

TEST(PatientClipping, RefusesABoundThatBoundsNothing) {
  for (const double bound : {0.0, -1.0, double{INFINITY}, std::nan("")})
    EXPECT_THROW(PatientClipping(one_tensor(1), ClippingMode::flat, bound), std::invalid_argument);
}

// Without noise to speak of, the bound rises while it cuts more than half of the patients and falls
// while it cuts fewer, at the rate of the formula.
TEST(AnAdaptiveBound, GrowsWhenTooManyAreCutAndShrinksWhenTooFewAre) {
  const auto noise =
      NoiseSource::not_private_for_tests({5}).stream(NoisePurpose::gradient_noise, 1);
  const auto moved = [&](int within, int of) {
    AdaptiveBound bound(2.0);
    for (int i = 0; i < of; ++i) bound.count(i < within ? 1.9 : 2.1);
    bound.move(1e-9, of, *noise);
    return bound.value();
  };
  EXPECT_NEAR(moved(0, 10), 2 * std::exp(0.1), 1e-6);
  EXPECT_NEAR(moved(2, 10), 2 * std::exp(0.06), 1e-6);
  EXPECT_NEAR(moved(5, 10), 2, 1e-6);
  EXPECT_NEAR(moved(10, 10), 2 * std::exp(-0.1), 1e-6);
}

// Norms are spread evenly in the logarithm over [1, 10000], median 100. The count's noise moves the
// logarithm by 0.2 * 2.24 / 20 = 0.022 times a normal number a step, and the count pulls it back by
// 0.2 / ln(10000) = 0.022 of the way, so it swings with a deviation of 0.022 / sqrt(0.044) = 0.11.
// Nine of these, and a step of the twenty norms, make 1.5.
TEST(AnAdaptiveBound, FindsTheMedianFromFarAwayUnderNoise) {
  const auto noise =
      NoiseSource::not_private_for_tests({5}).stream(NoisePurpose::gradient_noise, 2);
  for (const double start : {1e-2, 1e6}) {
    AdaptiveBound bound(start);
    for (int step = 0; step < 400; ++step) {
      for (int i = 0; i < 20; ++i) bound.count(std::pow(10, 4 * (i + 0.5) / 20));
      bound.move(1.0, 20, *noise);
    }
    EXPECT_NEAR(std::log(bound.value()), std::log(100), 1.5) << "from " << start;
  }
}

// The release is (gradients / (z' C), count / s): one patient moves it by at most 1 / z' and
// 1/2 / s. Measured s from 20000 counts of nobody: relative deviation 1 / sqrt(40000) = 0.5 %; six
// of these fail by chance with probability 2e-9.
TEST(AnAdaptiveBound, SpendsOnCountAndGradientsTogetherWhatIsCharged) {
  const double z = 1.7;
  const auto noise =
      NoiseSource::not_private_for_tests({5}).stream(NoisePurpose::gradient_noise, 3);
  double squares = 0;
  constexpr int kCounts = 20000;
  constexpr double kDivisor = 1e4;  // so large that no fraction leaves [0, 1]
  for (int i = 0; i < kCounts; ++i) {
    AdaptiveBound bound(1.0);
    bound.move(z, kDivisor, *noise);
    const double count = -std::log(bound.value()) / 0.2 * kDivisor;
    squares += count * count;
  }
  const double of_count = 0.5 / std::sqrt(squares / kCounts);
  const double of_gradients = 1 / AdaptiveBound::gradient_noise(z);
  EXPECT_GT(of_count, 0.1 / z);
  EXPECT_NEAR(std::sqrt(of_count * of_count + of_gradients * of_gradients), 1 / z, 0.03 * 0.05 / z);
}

TEST(AnAdaptiveBound, IsNotCarriedAwayWhenNobodyComes) {
  const auto noise =
      NoiseSource::not_private_for_tests({5}).stream(NoisePurpose::gradient_noise, 4);
  AdaptiveBound bound(1.0);
  for (int i = 0; i < 100000; ++i) bound.move(10.0, 1.0, *noise);
  EXPECT_GE(bound.value(), 1e-6);
  EXPECT_LE(bound.value(), 1e6);
}

}  // namespace
}  // namespace collegium
