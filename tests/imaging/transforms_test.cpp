#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>

#include "imaging/transforms.h"
#include "reference.h"

namespace collegium {
namespace {

using testing::expect_close;
using testing::medical_reference;

std::vector<float> counting(std::size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 0.f);
  return values;
}

TEST(NormaliseNonzero, AgreesWithMonai) {
  const auto& reference = medical_reference()["preprocess"]["normalize_nonzero_channelwise"];
  std::vector<float> values(72);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] =
        static_cast<float>(std::max(0., std::floor(100 * std::sin(0.9 * static_cast<double>(i)))));
  }
  normalise_nonzero(values, 2);
  for (std::size_t i = 0; i < values.size(); ++i) {
    expect_close(values[i], reference["out"][i], 1e-5, 1e-6, std::to_string(i));
  }
}

TEST(NormaliseNonzero, LeavesAnEmptyChannelAlone) {
  std::vector<float> values{1, 2, 3, 0, 0, 0};
  normalise_nonzero(values, 2);
  EXPECT_EQ(std::vector<float>(values.begin() + 3, values.end()), std::vector<float>(3));
}

TEST(NormaliseNonzero, TurnsAConstantIntoZero) {
  std::vector<float> values{7, 0, 7, 7};
  normalise_nonzero(values, 1);
  EXPECT_EQ(values, std::vector<float>(4));
}

TEST(NormaliseNonzero, GivesMeanZeroAndDeviationOneOffTheBackground) {
  std::vector<float> values{0, 1000, 1010, 0, 1020, 1050};
  normalise_nonzero(values, 1);
  double sum = 0, squares = 0;
  for (const float v : values) sum += v, squares += v * v;
  EXPECT_NEAR(sum, 0, 1e-6);
  EXPECT_NEAR(squares / 4, 1, 1e-6);
  EXPECT_EQ(values[0], 0);
  EXPECT_EQ(values[3], 0);
}

TEST(Crop, TakesABox) {
  const std::vector<float> image = counting(2 * 3 * 4 * 5);
  std::vector<float> out(2 * 2 * 2 * 3);
  crop<float>(image, 2, {3, 4, 5}, {1, 2, 1}, {2, 2, 3}, out);
  std::size_t at = 0;
  for (int c = 0; c < 2; ++c) {
    for (int x = 1; x < 3; ++x) {
      for (int y = 2; y < 4; ++y) {
        for (int z = 1; z < 4; ++z) {
          EXPECT_EQ(out[at++], static_cast<float>(((c * 3 + x) * 4 + y) * 5 + z));
        }
      }
    }
  }
}

TEST(Crop, IsZeroOutsideTheImage) {
  const std::vector<float> image{1, 2, 3};
  std::vector<float> out(7, -1);
  crop<float>(image, 1, {1, 1, 3}, {0, 0, -2}, {1, 1, 7}, out);
  EXPECT_EQ(out, (std::vector<float>{0, 0, 1, 2, 3, 0, 0}));
  std::vector<float> beside(2, -1);
  crop<float>(image, 1, {1, 1, 3}, {0, 5, 0}, {1, 1, 2}, beside);
  EXPECT_EQ(beside, (std::vector<float>{0, 0}));
}

TEST(Flip, ReversesOneAxis) {
  const std::vector<float> image = counting(2 * 2 * 3 * 4);
  const auto value = [](int c, int x, int y, int z) {
    return static_cast<float>(((c * 2 + x) * 3 + y) * 4 + z);
  };
  for (int axis = 0; axis < 3; ++axis) {
    std::vector<float> out = image;
    flip<float>(out, 2, {2, 3, 4}, axis);
    std::size_t at = 0;
    for (int c = 0; c < 2; ++c) {
      for (int x = 0; x < 2; ++x) {
        for (int y = 0; y < 3; ++y) {
          for (int z = 0; z < 4; ++z) {
            const float expected = axis == 0   ? value(c, 1 - x, y, z)
                                   : axis == 1 ? value(c, x, 2 - y, z)
                                               : value(c, x, y, 3 - z);
            EXPECT_EQ(out[at++], expected) << "axis " << axis;
          }
        }
      }
    }
    flip<float>(out, 2, {2, 3, 4}, axis);
    EXPECT_EQ(out, image);
  }
}

TEST(CropStart, ReachesEveryPositionThatFitsAndNoOther) {
  std::set<std::int64_t> seen;
  for (double u = 0; u < 1; u += 1. / 64) {
    const Extent start = crop_start({10, 10, 10}, {7, 10, 9}, {u, u, u});
    seen.insert(start[0]);
    EXPECT_EQ(start[1], 0);
    EXPECT_LE(start[2], 1);
  }
  EXPECT_EQ(seen, (std::set<std::int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(crop_start({10, 10, 10}, {7, 7, 7}, {std::nextafter(1., 0.), 0, 0})[0], 3);
}

TEST(CropStart, CentresAnImageSmallerThanTheCrop) {
  EXPECT_EQ(crop_start({5, 8, 8}, {8, 8, 8}, {0.9, 0.9, 0.9}), (Extent{-1, 0, 0}));
}

TEST(ForegroundCrop, ContainsThePickedVoxelAndStaysInside) {
  const Extent extent{20, 16, 12}, size{8, 8, 8};
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(voxels(extent)));
  const std::vector<Extent> inside{{0, 0, 0}, {10, 8, 6}, {19, 15, 11}};
  for (const Extent& p : inside) mask[static_cast<std::size_t>((p[0] * 16 + p[1]) * 12 + p[2])] = 1;
  for (std::size_t k = 0; k < inside.size(); ++k) {
    const Extent start =
        foreground_crop_start(mask, extent, size, (static_cast<double>(k) + 0.5) / 3);
    for (std::size_t axis = 0; axis < 3; ++axis) {
      EXPECT_GE(start[axis], 0);
      EXPECT_LE(start[axis] + size[axis], extent[axis]);
      EXPECT_LE(start[axis], inside[k][axis]);
      EXPECT_GT(start[axis] + size[axis], inside[k][axis]);
    }
  }
  EXPECT_EQ(foreground_crop_start(mask, extent, size, 0.5), (Extent{6, 4, 2}));
}

TEST(ForegroundCrop, TakesTheMiddleOfAnEmptyMask) {
  const std::vector<std::uint8_t> mask(1000);
  EXPECT_EQ(foreground_crop_start(mask, {10, 10, 10}, {4, 4, 4}, 0.3), (Extent{3, 3, 3}));
}

TEST(Padding, PutsTheSmallerHalfBefore) {
  EXPECT_EQ(round_up({155, 240, 8}, 32), (Extent{160, 256, 32}));
  EXPECT_EQ(at_least({155, 240, 8}, {160, 160, 8}), (Extent{160, 240, 8}));
  EXPECT_EQ(centred_offset({155, 240, 8}, {160, 240, 8}), (Extent{2, 0, 0}));
}

TEST(ScaleAndShift, MultipliesBeforeItAdds) {
  std::vector<float> values{0, 1, -2};
  scale_and_shift(values, 2, 0.5f);
  EXPECT_EQ(values, (std::vector<float>{0.5f, 2.5f, -3.5f}));
}

}  // namespace
}  // namespace collegium
