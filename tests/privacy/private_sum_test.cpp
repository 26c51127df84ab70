#include "privacy/private_sum.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "gradients.h"

namespace collegium {
namespace {

using testing::hostile_gradients;
using testing::three_layers;
using testing::wave;

constexpr ClippingMode kModes[] = {ClippingMode::flat, ClippingMode::per_layer,
                                   ClippingMode::automatic, ClippingMode::adaptive};
const auto kTestNoise = NoiseSource::not_private_for_tests({7});

PrivateSum sum_of(const Layout& layout, ClippingMode mode, double bound,
                  const std::vector<std::vector<float>>& gradients) {
  PrivateSum sum(layout, PatientClipping(layout, mode, bound));
  for (const auto& gradient : gradients) sum.add(gradient);
  return sum;
}

Layout flat(std::int64_t size) {
  Layout layout;
  layout.add("w", {size});
  return layout;
}

double distance(std::span<const double> a, std::span<const double> b, auto rounded) {
  double squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = rounded(a[i]) - rounded(b[i]);
    squares += difference * difference;
  }
  return std::sqrt(squares);
}

// The sensitivity that the noise is scaled to, of the sum as the noise meets it: in float32.
TEST(APrivateSum, MovesByAtMostTheBoundForAnyPatientInAnyCompany) {
  const Layout layout = three_layers();
  const auto as_float = [](double x) { return static_cast<double>(static_cast<float>(x)); };
  for (const auto mode : kModes)
    for (const double bound : {1e-6, 0.5, 1.0, 1e6})
      for (const std::size_t company : {0u, 1u, 30u}) {
        std::vector<std::vector<float>> others;
        for (std::size_t i = 0; i < company; ++i)
          others.push_back(hostile_gradients(layout)[(i * 7) % hostile_gradients(layout).size()]);
        const auto without = sum_of(layout, mode, bound, others);
        for (const auto& gradient : hostile_gradients(layout)) {
          auto with = without;
          with.add(gradient);
          EXPECT_LE(distance(with.unprotected(), without.unprotected(), as_float), bound)
              << static_cast<int>(mode) << " bound " << bound << " company " << company;
        }
      }
}

TEST(APrivateSum, MovesByTheWholeBoundForALongGradient) {
  const Layout layout = three_layers();
  const auto as_is = [](double x) { return x; };
  for (const auto mode : kModes) {
    auto gradient = wave(layout.size(), 1e6);
    for (const auto& slot : layout.slots())
      if (!slot.trainable) std::fill_n(gradient.begin() + slot.offset, slot.size, 0.0f);
    const auto none = sum_of(layout, mode, 2.0, {});
    const auto one = sum_of(layout, mode, 2.0, {gradient});
    EXPECT_NEAR(distance(one.unprotected(), none.unprotected(), as_is), 2.0 * (1 - 0x1p-10), 1e-6);
  }
}

TEST(APrivateSum, CountsAGradientThatIsNotFiniteAsNothing) {
  const auto sum = sum_of(flat(3), ClippingMode::flat, 1,
                          {{1, std::numeric_limits<float>::quiet_NaN(), 1},
                           {1, std::numeric_limits<float>::infinity(), 1},
                           {0.5f, 0, 0}});
  EXPECT_EQ(sum.unprotected()[0], 0.5);
  EXPECT_EQ(sum.unprotected()[2], 0.0);
  EXPECT_EQ(sum.clipping().left_out(), 2);
}

TEST(APrivateSum, IsTheSameFromGradientsAndFromTheirWeightedSums) {
  const Layout layout = three_layers();
  for (const auto mode : kModes) {
    PrivateSum one_by_one(layout, PatientClipping(layout, mode, 0.5)),
        together(layout, PatientClipping(layout, mode, 0.5));
    std::vector<float> weighted(layout.size());
    for (int patient = 0; patient < 4; ++patient) {
      const auto gradient = wave(layout.size(), std::pow(10, patient - 2), patient);
      one_by_one.add(gradient);
      const auto factors = together.clipping().factors(together.clipping().norms(gradient));
      for (std::size_t group = 0; group < factors.size(); ++group)
        for (const auto& range : together.clipping().groups()[group])
          for (std::size_t i = range.offset; i < range.offset + range.size; ++i)
            weighted[i] += static_cast<float>(factors[group] * gradient[i]);
    }
    together.add_clipped(weighted, 4);
    EXPECT_LT(
        distance(one_by_one.unprotected(), together.unprotected(), [](double x) { return x; }),
        1e-6);
  }
}

TEST(APrivateSum, RefusesAWeightedSumThatItsPatientsCannotHaveMade) {
  PrivateSum sum(flat(2), PatientClipping(flat(2), ClippingMode::flat, 1.0));
  EXPECT_THROW(sum.add_clipped(std::vector<float>{3, 0}, 2), std::logic_error);
  EXPECT_THROW(sum.add_clipped(std::vector<float>{NAN, 0}, 2), std::logic_error);
  EXPECT_NO_THROW(sum.add_clipped(std::vector<float>{1.9f, 0}, 2));
}

// The noise of one release over 200000 coordinates: mean 0 with deviation 2.2e-3 sigma, variance
// sigma^2 with relative deviation 3.2e-3, product of the halves likewise. Bounds of 5.1 deviations
// fail by chance with probability below 1e-6 each.
TEST(APrivateSum, ReleasesWithGaussianNoiseOfTheStatedScaleInTrainableSlotsOnly) {
  Layout layout;
  layout.add("a.w", {100000});
  layout.add("frozen", {500}, false);
  layout.add("b.w", {100000});
  for (const auto mode : kModes) {
    PrivateSum sum(layout, PatientClipping(layout, mode, 2.0));
    const auto noise = kTestNoise.stream(NoisePurpose::gradient_noise, 3);
    const auto released = sum.release(1.5, 4.0, *noise);
    const double sigma =
        (mode == ClippingMode::adaptive ? AdaptiveBound::gradient_noise(1.5) : 1.5) * 2.0 / 4.0;
    double total = 0, squares = 0, shared = 0;
    for (std::size_t i = 0; i < 100000; ++i) {
      const double a = released[i], b = released[100500 + i];
      total += a + b;
      squares += a * a + b * b;
      shared += a * b;  // two slots do not get the same noise
    }
    EXPECT_NEAR(total / 200000, 0, 5.1 * sigma / std::sqrt(200000));
    EXPECT_NEAR(squares / 200000, sigma * sigma, 0.0162 * sigma * sigma);
    EXPECT_LT(std::abs(shared) / 100000, 5.1 * sigma * sigma / std::sqrt(100000));
    for (std::size_t i = 100000; i < 100500; ++i) EXPECT_EQ(released[i], 0.0f);
  }
}

TEST(APrivateSum, IsGoneOnceItIsReleased) {
  auto sum = sum_of(flat(4), ClippingMode::flat, 1.0, {{1, 1, 1, 1}});
  const auto noise = kTestNoise.stream(NoisePurpose::gradient_noise, 4);
  EXPECT_GT(sum.release(1e-9, 1.0, *noise)[0], 0.4f);
  EXPECT_LT(sum.release(1e-9, 1.0, *noise)[0], 1e-6f);  // nothing left but new noise
}

TEST(APrivateSum, KeepsTheRatioOfNoiseToAnAdaptiveBound) {
  PrivateSum sum(flat(100000), PatientClipping(flat(100000), ClippingMode::adaptive, 1.0));
  const auto noise = kTestNoise.stream(NoisePurpose::gradient_noise, 5);
  for (int step = 0; step < 3; ++step) {
    for (int i = 0; i < 50; ++i) sum.add(wave(100000, 1e3));  // all are cut: the bound grows
    const double bound = sum.clipping().sensitivity();
    EXPECT_NEAR(bound, std::exp(0.1 * step), 0.2);
    // The noise is what 50 equal gradients at the bound do not explain.
    const auto released = sum.release(20.0, 1.0, *noise);
    double squares = 0;
    for (const float value : released) squares += static_cast<double>(value) * value;
    const double deviation = AdaptiveBound::gradient_noise(20.0) * bound;
    const double gradients = 2500 * bound * bound / 100000;
    EXPECT_NEAR(squares / 100000, deviation * deviation + gradients, 0.03 * deviation * deviation);
  }
}

TEST(APrivateSum, RefusesNoNoiseAndNoDivisor) {
  PrivateSum sum(flat(4), PatientClipping(flat(4), ClippingMode::flat, 1.0));
  const auto noise = kTestNoise.stream(NoisePurpose::gradient_noise, 6);
  EXPECT_ANY_THROW(sum.release(0.0, 1.0, *noise));
  EXPECT_ANY_THROW(sum.release(NAN, 1.0, *noise));
  EXPECT_THROW(sum.release(1.0, 0.0, *noise), std::invalid_argument);
  EXPECT_THROW(sum.release(1.0, NAN, *noise), std::invalid_argument);
}

}  // namespace
}  // namespace collegium
