#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "collegium/error.h"
#include "imaging/samples.h"

namespace collegium {
namespace {

// Every voxel a number of its own; the tumour is one voxel.
Subject make_subject(const Extent& extent = {12, 10, 8}) {
  Subject subject;
  subject.id = std::string("A");
  subject.image = FloatImage(kSequences, extent);
  std::iota(subject.image.values.begin(), subject.image.values.end(), 1.f);
  subject.regions = MaskImage(kRegions, extent);
  subject.regions.channel(1)[static_cast<std::size_t>((11 * 10 + 9) * 8 + 7)] =
      1;  // the last corner
  return subject;
}

SampleSettings plain(const Extent& crop) {
  return {.crop = crop, .flip = false, .intensity_scale = 0, .intensity_shift = 0};
}

TEST(Sample, SameKeySameSample) {
  const Subject subject = make_subject();
  const SampleSettings settings{.crop = {4, 4, 4}, .crop_foreground = 0.5};
  const auto sample = [&](std::uint64_t step) {
    Draws draws(1, 2, 3, step);
    return make_sample(subject, choose_sample(subject, settings, draws)).image.values;
  };
  EXPECT_EQ(sample(7), sample(7));
  EXPECT_NE(sample(7), sample(8));
}

TEST(Sample, WithoutRandomPartsIsTheNormalisedSubject) {
  const Subject subject = make_subject();
  Draws draws(1, 2, 3, 4);
  const Sample sample = make_sample(subject, choose_sample(subject, plain({}), draws));
  EXPECT_EQ(sample.image.extent, subject.image.extent);
  EXPECT_EQ(sample.image.values, evaluation_image(subject).values);
  EXPECT_TRUE(std::equal(sample.target.values.begin(), sample.target.values.end(),
                         subject.regions.values.begin(), subject.regions.values.end()));
}

TEST(Sample, ImageAndTargetAreCutAndTurnedAlike) {
  Subject subject = make_subject();
  for (std::int64_t c = 0; c < kSequences; ++c) {  // the image shows its tumour
    const auto mask = subject.regions.channel(1);
    std::transform(mask.begin(), mask.end(), subject.image.channel(c).begin(),
                   [](std::uint8_t inside) { return inside != 0 ? 5.f : 1.f; });
  }
  SampleSettings settings = plain({8, 8, 8});
  settings.flip = true;
  settings.crop_foreground = 1;
  std::set<std::ptrdiff_t> places;
  for (std::uint64_t step = 0; step < 64; ++step) {
    Draws draws(0, 0, 0, step);
    const SampleChoice choice = choose_sample(subject, settings, draws);
    EXPECT_EQ(choice.start, (Extent{4, 2, 0}));  // as far to the tumour's corner as the image goes
    const Sample sample = make_sample(subject, choice);
    const auto brightest = [](std::span<const float> values) {
      return std::max_element(values.begin(), values.end()) - values.begin();
    };
    const auto at = brightest(sample.target.channel(1));
    EXPECT_EQ(sample.target.channel(1)[static_cast<std::size_t>(at)], 1);
    for (std::int64_t c = 0; c < kSequences; ++c) EXPECT_EQ(brightest(sample.image.channel(c)), at);
    places.insert(at);
  }
  EXPECT_EQ(places.size(), 8u);  // each of the eight corners turned up
}

TEST(Sample, IntensityChangesAreOneDrawForAllChannels) {
  const Subject subject = make_subject();
  const SampleSettings settings{
      .crop = {}, .flip = false, .intensity_scale = 0.1, .intensity_shift = 0.2};
  const FloatImage before = evaluation_image(subject);
  double least = 1, most = -1;
  for (std::uint64_t step = 0; step < 200; ++step) {
    Draws draws(0, 0, 0, step);
    const SampleChoice choice = choose_sample(subject, settings, draws);
    EXPECT_LE(std::abs(choice.factor - 1), 0.1f + 1e-6f);
    least = std::min<double>(least, choice.offset), most = std::max<double>(most, choice.offset);
    if (step % 50 != 0) continue;
    const Sample sample = make_sample(subject, choice);
    for (std::size_t i = 0; i < before.values.size(); i += 37) {
      EXPECT_FLOAT_EQ(sample.image.values[i], before.values[i] * choice.factor + choice.offset);
    }
  }
  EXPECT_NEAR(least, -0.2, 0.01);
  EXPECT_NEAR(most, 0.2, 0.01);
}

TEST(Sample, AWholeVolumeIsPaddedToWhatTheNetworkNeeds) {
  const Subject subject = make_subject({12, 10, 8});
  SampleSettings settings = plain({});
  settings.divisor = 8;
  Draws draws(0, 0, 0, 0);
  const Sample sample = make_sample(subject, choose_sample(subject, settings, draws));
  EXPECT_EQ(sample.image.extent, (Extent{16, 16, 8}));
  EXPECT_EQ(sample.image.values[0], 0);
}

TEST(Sample, NeedsLabels) {
  Subject subject = make_subject();
  subject.regions = {};
  Draws draws(0, 0, 0, 0);
  EXPECT_THROW(make_sample(subject, choose_sample(subject, plain({}), draws)), DataError);
}

TEST(Draws, DependOnEveryPartOfTheKey) {
  const auto first = [](std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d) {
    return Draws(a, b, c, d).bits();
  };
  std::set<std::uint64_t> seen;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    seen.insert(
        {first(i, 0, 0, 0), first(0, i + 1, 0, 0), first(0, 0, i + 1, 0), first(0, 0, 0, i + 1)});
  }
  EXPECT_EQ(seen.size(), 4000u);
}

TEST(Draws, AreUniform) {
  Draws draws(5, 0, 0, 0);
  constexpr int kCount = 100000;
  double sum = 0, squares = 0;
  std::array<int, 7> faces{};
  for (int i = 0; i < kCount; ++i) {
    const double u = draws.uniform();
    sum += u, squares += u * u;
    ++faces[draws.below(7)];
  }
  // five standard errors
  EXPECT_NEAR(sum / kCount, 0.5, 5 * std::sqrt(1. / 12 / kCount));
  EXPECT_NEAR(squares / kCount, 1. / 3, 5 * std::sqrt(4. / 45 / kCount));
  for (const int face : faces) EXPECT_NEAR(face, kCount / 7., 5 * std::sqrt(kCount * 6. / 49));
}

}  // namespace
}  // namespace collegium
