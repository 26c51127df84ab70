#include "collegium/vector_ops.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>
#include <vector>

#include "vector/on_every_device.h"

namespace collegium {
namespace {

TEST(VectorOps, DoNotDependOnAlignment) {
  const auto values = uneven_values(20001, 6);
  std::vector<float> shifted(values.size() + 1);
  std::copy(values.begin(), values.end(), shifted.begin() + 1);
  EXPECT_EQ(l2_norm(values), l2_norm(std::span<const float>(shifted).subspan(1)));
}

TEST(VectorOps, TakeTheDifferenceOfTwoModels) {
  const std::vector<float> after{1.5f, -2.0f, 3.0f}, before{1.0f, 1.0f, 3.0f};
  std::vector<float> delta(3);
  subtract(after, before, delta);
  EXPECT_EQ(delta, (std::vector<float>{0.5f, -3.0f, 0.0f}));
  subtract(delta, delta, delta);
  EXPECT_EQ(delta, std::vector<float>(3, 0.0f));
}

TEST(VectorOps, AddUpInDoubleWhereTheSumIsDouble) {
  std::vector<double> sum(100, 0.0);
  const std::vector<float> tiny(100, 1.0f);
  for (int i = 0; i < 1000; ++i) add_scaled(std::span<double>(sum), 1e-9, tiny);
  add_scaled(std::span<double>(sum), 1.0, tiny);
  for (const double value : sum) EXPECT_NEAR(value, 1.000001, 1e-12);
}

TEST(VectorOps, MultiplyOutDotProducts) {
  const std::vector<float> x{1, 2, 3}, y{4, -5, 6};
  EXPECT_EQ(dot(x, y), 12.0);
}

TEST(VectorOps, RefuseSpansOfDifferentSizes) {
  std::vector<float> two(2), three(3);
  std::vector<double> wide(3);
  EXPECT_THROW(dot(two, three), std::invalid_argument);
  EXPECT_THROW(add_scaled(std::span<float>(two), 1.0, three), std::invalid_argument);
  EXPECT_THROW(add_scaled(std::span<double>(wide), 1.0, two), std::invalid_argument);
  EXPECT_THROW(subtract(three, three, two), std::invalid_argument);
}

}  // namespace
}  // namespace collegium
