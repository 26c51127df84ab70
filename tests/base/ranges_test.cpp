#include "base/ranges.h"

#include <gtest/gtest.h>

namespace collegium {
namespace {

Layout small() {
  Layout layout;
  layout.add("a.weight", {2});
  layout.add("a.scale", {2}, false);
  layout.add("a.bias", {1});
  layout.add("norm", {3}, false);
  layout.add("b.weight", {1});
  layout.add("b.bias", {1});
  layout.add("c.weight", {0});
  return layout;
}

TEST(TrainableRanges, JoinNeighboursAndSkipWhatIsFrozen) {
  const auto ranges = trainable_ranges(small());
  ASSERT_EQ(ranges.size(), 3u);
  EXPECT_EQ(ranges[1].offset, 4u);
  EXPECT_EQ(ranges[1].size, 1u);
  EXPECT_EQ(ranges[2].offset, 8u);
  EXPECT_EQ(ranges[2].size, 2u);  // b.weight and b.bias
}

TEST(MovingRanges, HoldBuffersAsWell) {
  Layout layout;
  layout.add("a", {2});
  layout.add_buffer("mean", {3});
  layout.add("frozen", {1}, false);
  layout.add_buffer("variance", {4});
  const auto ranges = moving_ranges(layout);
  ASSERT_EQ(ranges.size(), 2u);
  EXPECT_EQ(ranges[0].size, 5u);
  EXPECT_EQ(ranges[1].offset, 6u);
  EXPECT_EQ(trainable_ranges(layout).size(), 1u);
  EXPECT_EQ(trainable_ranges(layout)[0].size, 2u);
}

TEST(LayerRanges, KeepWeightAndBiasOfALayerTogether) {
  const auto layers = layer_ranges(small());
  ASSERT_EQ(layers.size(), 2u);  // norm is frozen, c has nothing in it
  ASSERT_EQ(layers[0].size(), 2u);
  EXPECT_EQ(layers[0][0].offset, 0u);
  EXPECT_EQ(layers[0][1].offset, 4u);
  ASSERT_EQ(layers[1].size(), 1u);
  EXPECT_EQ(layers[1][0].size, 2u);
}

TEST(LayerRanges, OfNamesWithoutADotAreOneLayer) {
  Layout layout;
  layout.add("weight", {2});
  layout.add("bias", {1});
  ASSERT_EQ(layer_ranges(layout).size(), 1u);
}

}  // namespace
}  // namespace collegium
