#include "torch/data/examples.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace collegium {
namespace {

struct Volume3 {
  std::vector<float> image = std::vector<float>(2 * 8 * 9 * 10);
  std::vector<std::uint8_t> regions = std::vector<std::uint8_t>(8 * 9 * 10);
  Volume3() {
    for (std::size_t i = 0; i < image.size(); ++i)
      image[i] = i % 7 == 0 ? 0 : static_cast<float>(i);
  }
  Item item() const {
    return {{image.data(), ElementType::float32, {2, 8, 9, 10}, {}},
            {regions.data(), ElementType::uint8, {1, 8, 9, 10}, {}}};
  }
};

TrainingConfig plain() {
  TrainingConfig training;
  training.flip = false;
  training.intensity_scale = training.intensity_shift = 0;
  return training;
}

Example draw(const Item& item, const TrainingConfig& training, std::uint64_t key,
             bool as_scanned = false) {
  Draws draws(key, 0, 0, 0);
  return make_example(item, training, as_scanned, draws);
}

TEST(AnExample, OfATableIsTheRowItself) {
  const std::vector<float> x = {1, 2, 3};
  const std::int64_t y = 4;
  const auto example =
      draw({{x.data(), ElementType::float32, {3}, {}}, {&y, ElementType::int64, {}, {}}}, {}, 1);
  EXPECT_EQ(example.input, x);
  EXPECT_EQ(example.target, (std::vector<float>{4}));
  EXPECT_TRUE(example.index_target);
}

TEST(AnExample, CutsImageAndRegionsAtTheSamePlace) {
  Volume3 volume;
  for (std::size_t i = 0; i < volume.regions.size(); ++i) volume.regions[i] = volume.image[i] > 300;
  auto training = plain();
  training.crop = {4, 4, 4};
  training.flip = true;
  std::set<float> corners;
  for (std::uint64_t key = 0; key < 50; ++key) {
    const auto example = draw(volume.item(), training, key);
    ASSERT_EQ(example.input_shape, (std::vector<std::int64_t>{2, 4, 4, 4}));
    for (std::size_t i = 0; i < 64; ++i)
      EXPECT_EQ(example.target[i], example.input[i] > 300 ? 1.0f : 0.0f);
    corners.insert(example.input[1]);
  }
  EXPECT_GT(corners.size(), 10u);  // crops and flips do differ
}

TEST(AnExample, WithoutACropIsTheWholeVolumePaddedToWhatTheNetworkTakes) {
  const Volume3 volume;
  Draws draws(1, 0, 0, 0);
  const auto example = make_example(volume.item(), plain(), false, draws, 8);
  EXPECT_EQ(example.input_shape, (std::vector<std::int64_t>{2, 8, 16, 16}));
  EXPECT_EQ(example.target_shape, (std::vector<std::int64_t>{1, 8, 16, 16}));
  double inside = 0, all = 0;
  for (const auto x : example.input) inside += x;
  for (const auto x : volume.image) all += x;
  EXPECT_EQ(inside, all);  // nothing is lost and the rest is 0
}

TEST(AnExample, IsCentredOnALabelledVoxelWhenAsked) {
  Volume3 volume;
  volume.regions[(3 * 9 + 4) * 10 + 5] = 1;
  auto training = plain();
  training.crop = {3, 3, 3};
  training.crop_foreground = 1;
  for (std::uint64_t key = 0; key < 20; ++key)
    EXPECT_EQ(draw(volume.item(), training, key).target[13], 1.0f);
}

TEST(AnExample, IsNormalisedAfterTheCropOverVoxelsThatAreNotZero) {
  const Volume3 volume;
  auto training = plain();
  training.crop = {4, 5, 6};
  const auto example = draw(volume.item(), training, 3, true);
  for (std::size_t c = 0; c < 2; ++c) {
    double sum = 0, squares = 0;
    int count = 0;
    for (std::size_t i = c * 120; i < c * 120 + 120; ++i) {
      if (example.input[i] == 0) continue;
      sum += example.input[i], squares += example.input[i] * example.input[i], ++count;
    }
    EXPECT_LT(count, 120);  // zeros stay
    EXPECT_NEAR(sum / count, 0, 1e-5);
    EXPECT_NEAR(squares / count, 1, 1e-4);
  }
}

TEST(AnExample, ScalesAndShiftsAllChannelsAlike) {
  const Volume3 volume;
  auto training = plain();
  training.intensity_scale = 0.1;
  training.intensity_shift = 0.2;
  std::set<float> factors;
  for (std::uint64_t key = 0; key < 20; ++key) {
    const auto x = draw(volume.item(), training, key).input;
    const float shift = x[0];  // the voxel was 0
    const float factor = (x[1002] - shift) / volume.image[1002];
    EXPECT_LE(std::abs(shift), 0.2f);
    EXPECT_LE(std::abs(factor - 1), 0.1001f);
    for (const std::size_t i : {5u, 701u, 1401u})
      EXPECT_NEAR(x[i], volume.image[i] * factor + shift, 0.1);
    factors.insert(factor);
  }
  EXPECT_GT(factors.size(), 15u);
}

TEST(AnExample, IsAFunctionOfItsKey) {
  const Volume3 volume;
  TrainingConfig training;
  training.crop = {4, 4, 4};
  EXPECT_EQ(draw(volume.item(), training, 5).input, draw(volume.item(), training, 5).input);
  EXPECT_NE(draw(volume.item(), training, 5).input, draw(volume.item(), training, 6).input);
}

}  // namespace
}  // namespace collegium
