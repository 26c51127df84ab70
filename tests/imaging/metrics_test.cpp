#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "collegium/error.h"
#include "imaging/distance.h"
#include "imaging/metrics.h"
#include "reference.h"

namespace collegium {
namespace {

using testing::expect_close;
using testing::medical_reference;
using testing::number;
using Mask = std::vector<std::uint8_t>;

// The reference draws its masks from primitives: boxes, balls, and boxes cut out again.
Mask draw(const nlohmann::json& primitives, const Extent& extent) {
  Mask mask(static_cast<std::size_t>(voxels(extent)));
  for (const auto& primitive : primitives) {
    const std::string kind = primitive[0];
    const auto a = primitive[1].get<std::array<double, 3>>();
    const auto b = primitive[2].get<std::array<double, 3>>();
    std::size_t at = 0;
    for (std::int64_t x = 0; x < extent[0]; ++x) {
      for (std::int64_t y = 0; y < extent[1]; ++y) {
        for (std::int64_t z = 0; z < extent[2]; ++z, ++at) {
          const std::array<double, 3> p{static_cast<double>(x), static_cast<double>(y),
                                        static_cast<double>(z)};
          bool inside = true;
          double radius = 0;
          for (std::size_t i = 0; i < 3; ++i) {
            inside = inside && p[i] >= a[i] && p[i] < b[i];
            radius += (p[i] - a[i]) / b[i] * (p[i] - a[i]) / b[i];
          }
          if (kind == "ball" ? radius <= 1 : inside) mask[at] = kind == "cut" ? 0 : 1;
        }
      }
    }
  }
  return mask;
}

class ReferenceMasks : public ::testing::TestWithParam<std::size_t> {
 protected:
  const nlohmann::json& reference = medical_reference()["masks"]["cases"][GetParam()];
  Extent extent = reference["shape"].get<Extent>();
  Spacing spacing = reference["spacing"].get<Spacing>();
  Mask pred = draw(reference["pred"], extent), ref = draw(reference["ref"], extent);
  double rtol_dice = 1e-6, rtol_distance = 1e-5;
};

TEST_P(ReferenceMasks, OverlapCounts) {
  const Overlap o = overlap(pred, ref);
  EXPECT_EQ(o.both, reference["tp"]);
  EXPECT_EQ(o.only_pred, reference["fp"]);
  EXPECT_EQ(o.only_ref, reference["fn"]);
  EXPECT_EQ(o.neither, reference["tn"]);
}

TEST_P(ReferenceMasks, OverlapMetrics) {
  const Overlap o = overlap(pred, ref);
  const auto& monai = reference["monai"];
  expect_close(dice_monai(o), number(monai["dice_ignore_empty"]), rtol_dice, 0, "ignoring empty");
  expect_close(dice_monai(o, false), number(monai["dice"]), rtol_dice, 0, "monai");
  expect_close(dice_brats(o), number(reference["brats_2018_rule"]["dice"]), rtol_dice, 0, "brats");
  expect_close(sensitivity(o), number(reference["sensitivity"]), rtol_dice, 0, "sensitivity");
  expect_close(specificity(o), number(reference["specificity"]), rtol_dice, 0, "specificity");
}

TEST_P(ReferenceMasks, Hausdorff95) {
  expect_close(hausdorff95(pred, ref, extent, spacing, HausdorffMethod::kBrats),
               number(reference["brats_2018_rule"]["hd95"]), rtol_distance, 0, "brats");
  expect_close(hausdorff95(pred, ref, extent, spacing, HausdorffMethod::kMonai),
               number(reference["monai"]["hd95"]), rtol_distance, 0, "monai");
}

TEST_P(ReferenceMasks, DirectedSurfaceDistances) {
  std::vector<double> distances = surface_distances(pred, ref, extent, spacing);
  const auto& monai = reference["monai"];
  if (distances.empty()) {
    EXPECT_TRUE(reference["n_pred"] == 0 || reference["n_ref"] == 0);
    return;
  }
  double mean = 0;
  for (const double d : distances) mean += d / static_cast<double>(distances.size());
  expect_close(mean, number(monai["asd_pred_to_ref"]), rtol_distance, 0, "mean");
  expect_close(quantile(distances, 0.95), number(monai["hd95_directed_pred_to_ref"]), rtol_distance,
               0, "95th percentile");
}

INSTANTIATE_TEST_SUITE_P(All, ReferenceMasks, ::testing::Range<std::size_t>(0, 14),
                         [](const auto& info) {
                           std::string name =
                               medical_reference()["masks"]["cases"][info.param]["name"];
                           std::erase_if(name,
                                         [](unsigned char c) { return std::isalnum(c) == 0; });
                           return name;
                         });

TEST(DistanceTransform, AgreesWithTryingEveryPair) {
  const Extent extent{9, 7, 11};
  const Spacing spacing{0.7, 1.9, 3.1};
  std::mt19937 random(3);
  for (const int inside_of_100 : {1, 5, 60}) {
    Mask mask(static_cast<std::size_t>(voxels(extent)));
    for (auto& voxel : mask) voxel = static_cast<int>(random() % 100) < inside_of_100;
    mask[17] = 1;
    const std::vector<double> squared = squared_distances(mask, extent, spacing);
    for (std::int64_t i = 0; i < voxels(extent); ++i) {
      double best = std::numeric_limits<double>::infinity();
      for (std::int64_t j = 0; j < voxels(extent); ++j) {
        if (mask[static_cast<std::size_t>(j)] == 0) continue;
        const double dx = static_cast<double>(i / 77 - j / 77) * spacing[0];
        const double dy = static_cast<double>(i / 11 % 7 - j / 11 % 7) * spacing[1];
        const double dz = static_cast<double>(i % 11 - j % 11) * spacing[2];
        best = std::min(best, dx * dx + dy * dy + dz * dz);
      }
      ASSERT_NEAR(squared[static_cast<std::size_t>(i)], best, 1e-9 * best) << i;
    }
  }
}

TEST(DistanceTransform, IsInfiniteWithoutAnyVoxel) {
  const std::vector<double> squared = squared_distances(Mask(24), {2, 3, 4}, {1, 1, 1});
  EXPECT_TRUE(std::all_of(squared.begin(), squared.end(), [](double d) { return std::isinf(d); }));
}

TEST(Hausdorff95, DoesNotDependOnWhereTheMasksLie) {
  const Extent small{12, 12, 12}, large{40, 30, 50};
  const auto ball = [](const Extent& extent, double cx, double cy, double cz, double radius) {
    return draw({{"ball", {cx, cy, cz}, {radius, radius, radius}}}, extent);
  };
  const double near =
      hausdorff95(ball(small, 5, 5, 5, 4), ball(small, 6, 6, 6, 3), small, {1, 2, 3});
  const double moved =
      hausdorff95(ball(large, 25, 15, 35, 4), ball(large, 26, 16, 36, 3), large, {1, 2, 3});
  EXPECT_EQ(near, moved);
  EXPECT_GT(near, 0);
}

TEST(Hausdorff95, RefusesMasksAndSpacingsThatDoNotFit) {
  const Mask mask(24, 1);
  EXPECT_THROW(hausdorff95(mask, Mask(23, 1), {2, 3, 4}, {1, 1, 1}), DataError);
  EXPECT_THROW(hausdorff95(mask, mask, {2, 3, 5}, {1, 1, 1}), DataError);
  EXPECT_THROW(hausdorff95(mask, mask, {2, 3, 4}, {1, 0, 1}), DataError);
  EXPECT_THROW(hausdorff_method("medpy"), ConfigError);
  EXPECT_THROW(overlap(mask, Mask(23, 1)), DataError);
}

TEST(Quantile, InterpolatesBetweenOrderStatistics) {
  std::vector<double> values{40, 10, 30, 20};  // places 0, 1/3, 2/3, 1
  EXPECT_DOUBLE_EQ(quantile(values, 0), 10);
  EXPECT_DOUBLE_EQ(quantile(values, 0.5), 25);
  EXPECT_DOUBLE_EQ(quantile(values, 0.95), 38.5);
  EXPECT_DOUBLE_EQ(quantile(values, 1), 40);
  std::vector<double> one{7};
  EXPECT_EQ(quantile(one, 0.95), 7);
}

TEST(Volume, IsInMillilitres) { EXPECT_DOUBLE_EQ(volume_ml(500, {1, 2, 4}), 4); }

}  // namespace
}  // namespace collegium
