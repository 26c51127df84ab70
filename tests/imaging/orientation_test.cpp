#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "collegium/error.h"
#include "imaging/orientation.h"

namespace collegium {
namespace {

std::array<double, 3> place(const Affine& a, std::int64_t x, std::int64_t y, std::int64_t z) {
  std::array<double, 3> out{};
  for (std::size_t i = 0; i < 3; ++i) {
    out[i] = a[i][0] * static_cast<double>(x) + a[i][1] * static_cast<double>(y) +
             a[i][2] * static_cast<double>(z) + a[i][3];
  }
  return out;
}

constexpr Affine kBrats{{{-1, 0, 0, 0}, {0, -1, 0, 239}, {0, 0, 1, 0}, {0, 0, 0, 1}}};
// x runs inferior, y runs left, z runs anterior, a little oblique
constexpr Affine kSagittal{
    {{0.1, -2, 0.05, 50}, {0.02, 0.1, 3, -70}, {-1, 0.03, 0.2, 90}, {0, 0, 0, 1}}};

TEST(Orientation, OfBratsFlipsTwoAxes) {
  const Orientation o = orientation_to_ras(kBrats);
  EXPECT_EQ(o.source, (std::array{0, 1, 2}));
  EXPECT_EQ(o.reversed, (std::array{true, true, false}));
}

TEST(Orientation, FollowsTheStrongestAxes) {
  const Orientation o = orientation_to_ras(kSagittal);
  EXPECT_EQ(o.source, (std::array{1, 2, 0}));
  EXPECT_EQ(o.reversed, (std::array{true, false, true}));
  EXPECT_EQ(o.apply(Extent{2, 3, 4}), (Extent{3, 4, 2}));
}

TEST(Orientation, KeepsEveryVoxelInItsPlace) {
  const Extent extent{2, 3, 4};
  for (const Affine& affine : {kBrats, kSagittal}) {
    const Orientation o = orientation_to_ras(affine);
    std::vector<std::int32_t> values(24), turned(24), back(24);
    std::iota(values.begin(), values.end(), 0);
    reorient<std::int32_t>(values, extent, o, turned);
    const Extent e = o.apply(extent);
    const Affine after = reoriented(affine, extent, o);
    std::size_t at = 0;
    for (std::int64_t x = 0; x < e[0]; ++x) {
      for (std::int64_t y = 0; y < e[1]; ++y) {
        for (std::int64_t z = 0; z < e[2]; ++z) {
          const std::int64_t was = turned[at++];
          const auto now = place(after, x, y, z);
          const auto then = place(affine, was / 12, was / 4 % 3, was % 4);
          for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(now[i], then[i], 1e-12);
        }
      }
    }
    for (std::size_t i = 0; i < 3; ++i) EXPECT_GT(after[i][i], 0);
    undo_reorient<std::int32_t>(turned, extent, o, back);
    EXPECT_EQ(back, values);
    EXPECT_TRUE(orientation_to_ras(after).is_identity());
  }
}

TEST(Orientation, OfASingularAffineIsRefused) {
  Affine flat = kBrats;
  flat[2][2] = 0;
  EXPECT_THROW(orientation_to_ras(flat), DataError);
}

}  // namespace
}  // namespace collegium
