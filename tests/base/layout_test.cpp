#include "collegium/layout.h"

#include <gtest/gtest.h>

#include "collegium/error.h"

namespace collegium {
namespace {

Layout small() {
  Layout layout;
  layout.add("conv.weight", {8, 4, 3});
  layout.add("scale", {});
  layout.add("mean", {8}, false);
  return layout;
}

TEST(Layout, PlacesTensorsBackToBack) {
  const Layout layout = small();
  EXPECT_EQ(layout.size(), 96u + 1 + 8);
  EXPECT_EQ(layout.slots()[1].offset, 96u);
  EXPECT_EQ(layout.slots()[1].size, 1u);
  EXPECT_EQ(layout.slots()[2].offset, 97u);
}

TEST(Layout, HashTellsNamesShapesOrderAndFlagsApart) {
  EXPECT_EQ(small().hash(), small().hash());
  EXPECT_EQ(small(), small());
  const auto one = [](std::string name, std::vector<std::int64_t> shape, bool trainable) {
    Layout layout;
    layout.add(std::move(name), std::move(shape), trainable);
    return layout;
  };
  const Layout base = one("a", {2, 3}, true);
  for (const Layout& other : {one("b", {2, 3}, true), one("a", {3, 2}, true), one("a", {6}, true),
                              one("a", {2, 3}, false)}) {
    EXPECT_NE(other.hash(), base.hash());
    EXPECT_FALSE(other == base);
  }
}

TEST(Layout, TellsBuffersFromFrozenParameters) {
  Layout buffer, frozen;
  buffer.add_buffer("a", {2});
  frozen.add("a", {2}, false);
  EXPECT_NE(buffer.hash(), frozen.hash());
  EXPECT_FALSE(buffer == frozen);
}

TEST(Layout, RefusesShapesThatCannotBeAndNamesGivenTwice) {
  Layout layout = small();
  EXPECT_THROW(layout.add("negative", {3, -1}), ConfigError);
  EXPECT_THROW(layout.add("huge", {std::int64_t{1} << 32, std::int64_t{1} << 32}), ConfigError);
  EXPECT_THROW(layout.add("scale", {2}), ConfigError);
  EXPECT_EQ(layout, small());
}

}  // namespace
}  // namespace collegium
