#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "collegium/error.h"
#include "imaging/sliding_window.h"
#include "imaging/transforms.h"
#include "reference.h"

namespace collegium {
namespace {

using testing::expect_close;
using testing::medical_reference;

TEST(SlidingWindow, StartsAgreeWithMonai) {
  for (const auto& reference : medical_reference()["preprocess"]["sliding_windows"]) {
    const SlidingWindow window{.roi = reference["roi"].get<Extent>(),
                               .overlap = reference["overlap"]};
    const Extent padded = at_least(reference["image"].get<Extent>(), window.roi);
    EXPECT_EQ(padded, reference["padded"].get<Extent>());
    EXPECT_EQ(window_starts(padded, window), reference["starts"].get<std::vector<Extent>>());
  }
}

TEST(SlidingWindow, GaussianMapAgreesWithMonai) {
  const auto& reference = medical_reference()["preprocess"]["importance_gaussian"];
  const std::vector<float> map =
      importance_map(reference["roi"].get<Extent>(), Importance::kGaussian);
  for (std::size_t i = 0; i < 12; ++i) {
    expect_close(map[i], reference["first12"][i], 1e-5, 1e-6, std::to_string(i));
  }
  expect_close(std::accumulate(map.begin(), map.end(), 0.), reference["sum"], 1e-5, 0, "sum");
  expect_close(*std::max_element(map.begin(), map.end()), reference["max"], 1e-5, 0, "max");
  expect_close(*std::min_element(map.begin(), map.end()), reference["min"], 1e-5, 0, "min");
}

// The reference's network: 2 x + the mean of the patch, and x squared.
void reference_network(std::span<const float> patches, std::int64_t count,
                       std::span<float> outputs) {
  const std::size_t roi = patches.size() / static_cast<std::size_t>(count);
  for (std::size_t p = 0; p < static_cast<std::size_t>(count); ++p) {
    const auto patch = patches.subspan(p * roi, roi);
    const double mean = std::accumulate(patch.begin(), patch.end(), 0.) / static_cast<double>(roi);
    for (std::size_t i = 0; i < roi; ++i) {
      outputs[2 * p * roi + i] = static_cast<float>(2 * patch[i] + mean);
      outputs[(2 * p + 1) * roi + i] = patch[i] * patch[i];
    }
  }
}

class SlidingInference : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(SlidingInference, AgreesWithMonaiWhateverTheBatch) {
  const auto& reference = medical_reference()["preprocess"]["sliding_inference"];
  FloatImage image(1, reference["image"].get<Extent>());
  for (std::size_t i = 0; i < image.values.size(); ++i) {
    image.values[i] = static_cast<float>(std::sin(0.3 * static_cast<double>(i)));
  }
  for (const auto& expected : reference["out"]) {
    const SlidingWindow window{.roi = reference["roi"].get<Extent>(),
                               .overlap = reference["overlap"],
                               .importance = importance_from(expected["mode"].get<std::string>()),
                               .batch = GetParam()};
    const FloatImage out = sliding_inference(image, window, 2, reference_network);
    ASSERT_EQ(out.extent, image.extent);
    ASSERT_EQ(out.values.size(), 2 * image.values.size());
    for (std::size_t i = 0; i < 8; ++i) {
      expect_close(out.values[i], expected["first8"][i], 1e-5, 1e-6, std::to_string(i));
    }
    double mean = 0, squares = 0;
    for (const float v : out.values) mean += v, squares += double{v} * v;
    const auto count = static_cast<double>(out.values.size());
    mean /= count;
    expect_close(mean, expected["mean"], 1e-5, 1e-6, "mean");
    // torch's std divides by one less than the count
    expect_close(std::sqrt((squares - count * mean * mean) / (count - 1)), expected["std"], 1e-5,
                 1e-6, "std");
  }
}

INSTANTIATE_TEST_SUITE_P(Batch, SlidingInference, ::testing::Values(1, 3, 64));

TEST(SlidingWindow, AnImageSmallerThanTheRoiComesBackInItsOwnShape) {
  FloatImage image(2, {5, 8, 3});
  std::iota(image.values.begin(), image.values.end(), 1.f);
  const auto identity = [](std::span<const float> in, std::int64_t, std::span<float> out) {
    std::copy(in.begin(), in.end(), out.begin());
  };
  for (const Importance importance : {Importance::kConstant, Importance::kGaussian}) {
    const FloatImage out =
        sliding_inference(image, {.roi = {8, 4, 8}, .importance = importance}, 2, identity);
    ASSERT_EQ(out.extent, image.extent);
    for (std::size_t i = 0; i < out.values.size(); ++i) {
      EXPECT_NEAR(out.values[i], image.values[i], 1e-4);
    }
  }
}

TEST(SlidingWindow, UnusableSettingsAreRefused) {
  const FloatImage image(1, {4, 4, 4});
  const auto nothing = [](std::span<const float>, std::int64_t, std::span<float>) {};
  EXPECT_THROW(sliding_inference(image, {.roi = {4, 0, 4}}, 1, nothing), ConfigError);
  EXPECT_THROW(sliding_inference(image, {.roi = {4, 4, 4}, .overlap = 1}, 1, nothing), ConfigError);
  EXPECT_THROW(sliding_inference(image, {.roi = {4, 4, 4}, .batch = 0}, 1, nothing), ConfigError);
  EXPECT_THROW(importance_from("linear"), ConfigError);
}

}  // namespace
}  // namespace collegium
