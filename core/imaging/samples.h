#pragma once
#include <array>

#include "imaging/draws.h"
#include "imaging/subjects.h"
#include "imaging/volume.h"

namespace collegium {

// What happens to a subject before the network sees it in training, in this order: crop, flips,
// normalise, scale, shift.
struct SampleSettings {
  Extent crop{};                 // voxels; 0: the whole axis, padded to a multiple of `divisor`
  std::int64_t divisor = 1;      // what the network needs an axis to be a multiple of
  bool flip = true;              // each axis with probability 1/2
  double intensity_scale = 0.1;  // v (1 + U(-s, s))
  double intensity_shift = 0.1;  // v + U(-s, s), one draw for all channels
  double crop_foreground = 0.0;  // share of crops centred on a voxel of the whole tumour
};

struct Sample {
  FloatImage image;   // (4, crop)
  FloatImage target;  // (3, crop), 0 or 1
};

// The random part, decided before any voxel is touched.
struct SampleChoice {
  Extent start{};
  Extent size{};
  std::array<bool, 3> flip{};
  float factor = 1;
  float offset = 0;
};
SampleChoice choose_sample(const Subject& subject, const SampleSettings& settings, Draws& draws);

// DataError if the subject has no labels.
Sample make_sample(const Subject& subject, const SampleChoice& choice);

// For evaluation: the whole volume, normalised, nothing random.
FloatImage evaluation_image(const Subject& subject);

}  // namespace collegium
