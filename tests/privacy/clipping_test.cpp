#include "privacy/clipping.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include "vector/on_every_device.h"
#include "vector/passes.h"

namespace collegium {
namespace {

using Clipping = OnEveryDevice;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST_P(Clipping, LeavesAVectorWithinTheBoundAlone) {
  const std::vector<float> values{0.3f, -0.4f};
  const auto x = put(values);
  EXPECT_NEAR(clip_to_norm(x.view(), 1.0), 0.5, 1e-7);
  EXPECT_EQ(x.to_host(), values);
}

TEST_P(Clipping, ShortensALongVectorToTheBoundAndKeepsItsDirection) {
  for (const double bound : {1e-6, 1.0, 37.5, 1e6}) {
    const auto values = uneven_values(10007, 7);
    const auto x = put(values);
    const double before = clip_to_norm(x.view(), bound);
    EXPECT_EQ(before, l2_norm(put(values).view()));
    if (before <= bound) continue;
    EXPECT_LE(l2_norm(x.view()), bound);
    EXPECT_GE(l2_norm(x.view()), bound * (1 - 0x1p-9));
    const double cosine = dot(x.view(), put(values).view()) / (l2_norm(x.view()) * before);
    EXPECT_NEAR(cosine, 1.0, 1e-6);
  }
}

TEST_P(Clipping, KeepsFloatSumsOfManyClippedVectorsWithinTheirBound) {
  const auto sum = put(std::vector<float>(1000, 0.0f));
  for (int i = 0; i < 1000; ++i) {
    const auto x = put(uneven_values(1000, 8));
    clip_to_norm(x.view(), 1e-3);
    add_scaled(sum.view(), 1.0, x.view());
  }
  EXPECT_LE(l2_norm(sum.view()), 1.0);
}

TEST_P(Clipping, NeverLetsANonFiniteVectorPass) {
  for (const float bad : {kNan, kInfinity, -kInfinity}) {
    const auto x = put({1000.0f, 2000.0f, bad});
    EXPECT_FALSE(std::isfinite(clip_to_norm(x.view(), 1.0)));
    EXPECT_EQ(x.to_host(), std::vector<float>(3, 0.0f));
  }
}

TEST_P(Clipping, AcceptsZeroAndScalars) {
  const auto nothing = put({}), zero = put({0.0f}), scalar = put({1000.0f});
  EXPECT_EQ(clip_to_norm(nothing.view(), 1.0), 0.0);
  EXPECT_EQ(clip_to_norm(zero.view(), 1.0), 0.0);
  EXPECT_EQ(zero.to_host()[0], 0.0f);
  clip_to_norm(scalar.view(), 1.0);
  EXPECT_LE(scalar.to_host()[0], 1.0f);
  EXPECT_GT(scalar.to_host()[0], 0.998f);
}

TEST_P(Clipping, SurvivesTheLargestFloats) {
  const auto x = put(std::vector<float>(5000, std::numeric_limits<float>::max()));
  clip_to_norm(x.view(), 1.0);
  EXPECT_LE(l2_norm(x.view()), 1.0);
  EXPECT_GT(l2_norm(x.view()), 0.99);
}

INSTANTIATE_TEST_SUITE_P(Device, Clipping, ::testing::ValuesIn(devices()), device_name);

TEST(ClipFactor, RefusesABoundThatIsNone) {
  for (const double bound : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_THROW(clip_factor(1.0, bound), std::invalid_argument);
    std::vector<float> x{1.0f};
    EXPECT_THROW(clip_to_norm(std::span<float>(x), bound), std::invalid_argument);
  }
}

TEST(ClipFactor, IsZeroForANormThatIsNotFinite) {
  EXPECT_EQ(clip_factor(std::nan(""), 1.0), 0.0);
  EXPECT_EQ(clip_factor(std::numeric_limits<double>::infinity(), 1.0), 0.0);
}

}  // namespace
}  // namespace collegium
