#include "vector/passes.h"

#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "vector/on_every_device.h"

namespace collegium {
namespace {

using Passes = OnEveryDevice;

constexpr std::size_t kSizes[] = {0, 1, 2, 31, 32, 33, 4095, 4096, 4097, 3 * 4096 + 77, 100003};
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The documented shape of a sum, written as plainly as possible.
double sum_of_products(const std::vector<float>& x, const std::vector<float>& y) {
  std::vector<double> level;
  for (std::size_t at = 0; at < x.size(); at += 4096) {
    double lanes[32] = {};
    for (std::size_t i = at; i < x.size() && i < at + 4096; ++i)
      lanes[i % 32] += double{x[i]} * double{y[i]};
    for (int half = 16; half > 0; half /= 2)
      for (int lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
    level.push_back(lanes[0]);
  }
  while (level.size() > 1) {
    std::vector<double> next;
    for (std::size_t i = 0; i < level.size(); i += 2)
      next.push_back(i + 1 < level.size() ? level[i] + level[i + 1] : level[i]);
    level = next;
  }
  return level.empty() ? 0.0 : level[0];
}

TEST_P(Passes, SumInTheDocumentedShapeToTheLastBit) {
  for (const std::size_t size : kSizes) {
    const auto x = uneven_values(size, 1), y = uneven_values(size, 2);
    const auto dx = put(x), dy = put(y);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(dot(dx.view(), dy.view())),
              std::bit_cast<std::uint64_t>(sum_of_products(x, y)))
        << size;
    EXPECT_EQ(l2_norm(dx.view()), std::sqrt(sum_of_products(x, x))) << size;
  }
}

TEST_P(Passes, TakeTheNormOfAKnownVector) {
  EXPECT_EQ(l2_norm(put({3.0f, 4.0f}).view()), 5.0);
  EXPECT_EQ(l2_norm(put(std::vector<float>(1 << 20, 1.0f)).view()), 1024.0);
  EXPECT_EQ(l2_norm(put({}).view()), 0.0);
  EXPECT_EQ(l2_norm(put({3e38f, 0.0f}).view()), 3e38f);  // no overflow on the way
}

TEST_P(Passes, CarryNonFiniteValuesIntoTheNorm) {
  auto values = uneven_values(5000, 3);
  values[4999] = kNan;
  EXPECT_TRUE(std::isnan(l2_norm(put(values).view())));
  values[4999] = -kInfinity;
  EXPECT_EQ(l2_norm(put(values).view()), std::numeric_limits<double>::infinity());
}

TEST_P(Passes, FindOneBadValueWhereverItIs) {
  std::vector<float> values(4096 + 40, std::numeric_limits<float>::max());
  EXPECT_TRUE(all_finite(put(values).view()));
  EXPECT_TRUE(all_finite(put({}).view()));
  for (const std::size_t at :
       {std::size_t{0}, std::size_t{4095}, std::size_t{4096}, values.size() - 1})
    for (const float bad : {kNan, -kNan, kInfinity, -kInfinity}) {
      const float good = std::exchange(values[at], bad);
      EXPECT_FALSE(all_finite(put(values).view())) << at << " " << bad;
      values[at] = good;
    }
}

TEST_P(Passes, ScaleAndAddInDoubleAndRoundOnce) {
  for (const std::size_t size : kSizes) {
    const auto x = uneven_values(size, 4), y = uneven_values(size, 5);
    const auto scaled = put(x), sum = put(x), added = put(y);
    scale(scaled.view(), 1.0 / 3.0);
    add_scaled(sum.view(), 1.0 / 7.0, added.view());
    const auto a = scaled.to_host(), b = sum.to_host();
    for (std::size_t i = 0; i < size; ++i) {
      ASSERT_EQ(a[i], static_cast<float>(x[i] * (1.0 / 3.0))) << i;
      const volatile double product =
          y[i] * (1.0 / 7.0);  // volatile: rounded before the sum, not fused with it
      ASSERT_EQ(b[i], static_cast<float>(x[i] + product)) << i;
    }
  }
}

TEST_P(Passes, FillWithZeroWhateverWasThere) {
  const auto values = put({kNan, kInfinity, 1.0f});
  fill_zero(values.view());
  EXPECT_EQ(values.to_host(), std::vector<float>(3, 0.0f));
}

TEST_P(Passes, RefuseVectorsOfDifferentSizes) {
  const auto two = put({1, 2}), three = put({1, 2, 3});
  EXPECT_THROW(dot(two.view(), three.view()), std::invalid_argument);
  EXPECT_THROW(add_scaled(two.view(), 1.0, three.view()), std::invalid_argument);
}

INSTANTIATE_TEST_SUITE_P(Device, Passes, ::testing::ValuesIn(devices()), device_name);

TEST(ChunkSums, FoldInAShapeThatDependsOnTheirNumberOnly) {
  for (std::size_t count = 0; count < 40; ++count) {
    std::vector<double> ones(count, 1.0);
    EXPECT_EQ(fold_chunks(ones), static_cast<double>(count));
  }
  std::vector<double> three{1.0, 0x1p-53, 0x1p-53};  // (1 + e) + e, not 1 + (e + e)
  EXPECT_EQ(fold_chunks(three), 1.0);
}

}  // namespace
}  // namespace collegium
