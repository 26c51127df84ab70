#include "imaging/samples.h"

#include <algorithm>

#include "collegium/error.h"
#include "imaging/transforms.h"

namespace collegium {
namespace {

Extent sample_size(const Extent& extent, const SampleSettings& settings) {
  const Extent whole = round_up(extent, std::max<std::int64_t>(settings.divisor, 1));
  Extent size{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    size[axis] = settings.crop[axis] > 0 ? settings.crop[axis] : whole[axis];
  }
  return size;
}

template <class T>
Image<T> take(const Image<T>& image, const SampleChoice& choice) {
  Image<T> out(image.channels, choice.size);
  crop<T>(image.values, image.channels, image.extent, choice.start, choice.size, out.values);
  for (int axis = 0; axis < 3; ++axis) {
    if (choice.flip[static_cast<std::size_t>(axis)]) {
      flip<T>(out.values, out.channels, out.extent, axis);
    }
  }
  return out;
}

}  // namespace

SampleChoice choose_sample(const Subject& subject, const SampleSettings& settings, Draws& draws) {
  SampleChoice choice;
  const Extent& extent = subject.image.extent;
  choice.size = sample_size(extent, settings);
  // All numbers are drawn whatever they are used for, so that one setting does not move the others.
  const bool on_tumour = draws.uniform() < settings.crop_foreground;
  const double voxel = draws.uniform();
  const double x = draws.uniform(), y = draws.uniform(), z = draws.uniform();
  for (bool& flip : choice.flip) flip = draws.coin() && settings.flip;
  choice.factor =
      static_cast<float>(1 + draws.uniform(-settings.intensity_scale, settings.intensity_scale));
  choice.offset =
      static_cast<float>(draws.uniform(-settings.intensity_shift, settings.intensity_shift));

  const bool has_tumour = on_tumour && subject.regions.channels == kRegions;
  choice.start = has_tumour
                     ? foreground_crop_start(
                           subject.regions.channel(static_cast<std::int64_t>(Region::kWholeTumour)),
                           extent, choice.size, voxel)
                     : crop_start(extent, choice.size, {x, y, z});
  return choice;
}

Sample make_sample(const Subject& subject, const SampleChoice& choice) {
  if (subject.regions.channels != kRegions) {
    throw DataError({.what = "a subject without labels cannot be trained on",
                     .where = "subject " + subject.id,
                     .expected = "a segmentation beside the images",
                     .found = "none",
                     .remedy = "add it, or leave the subject out"});
  }
  Sample sample;
  sample.image = take(subject.image, choice);
  normalise_nonzero(sample.image.values, sample.image.channels);
  scale_and_shift(sample.image.values, choice.factor, choice.offset);
  const MaskImage regions = take(subject.regions, choice);
  sample.target = FloatImage(regions.channels, regions.extent);
  std::copy(regions.values.begin(), regions.values.end(), sample.target.values.begin());
  return sample;
}

FloatImage evaluation_image(const Subject& subject) {
  FloatImage image = subject.image;
  normalise_nonzero(image.values, image.channels);
  return image;
}

}  // namespace collegium
