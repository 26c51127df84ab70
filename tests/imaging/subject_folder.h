#pragma once
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "imaging/nifti.h"
#include "imaging/subjects.h"
#include "support/temporary_folder.h"

namespace collegium::testing {

// Patients small enough for a test: every sequence a constant of its own, a tumour in one corner.
constexpr Extent kSubjectExtent{4, 5, 6};
constexpr Affine kSubjectAffine{{{-1, 0, 0, 3}, {0, -1, 0, 4}, {0, 0, 1, 0}, {0, 0, 0, 1}}};  // LPS

inline Affine scaled(double spacing) {
  Affine affine = kSubjectAffine;
  for (std::size_t row = 0; row < 3; ++row) affine[row][row] *= spacing;
  return affine;
}

inline std::vector<float> image_values(float value) {
  std::vector<float> values(static_cast<std::size_t>(voxels(kSubjectExtent)), value);
  values[0] = 0;          // [0, 0, 0]: background
  values[1] = 2 * value;  // [0, 0, 1]
  return values;
}

inline std::vector<std::uint8_t> label_values() {
  std::vector<std::uint8_t> labels(static_cast<std::size_t>(voxels(kSubjectExtent)));
  labels[1] = 1, labels[2] = 2, labels[3] = 4;  // [0, 0, 1..3]
  return labels;
}

struct SequenceFile {
  const char* ending;
  float value;
};
inline constexpr SequenceFile kOldEndings[] = {{"_t1ce", 1}, {"_t1", 2}, {"_t2", 3}, {"_flair", 4}};
inline constexpr SequenceFile kNewEndings[] = {{"-t1c", 1}, {"-t1n", 2}, {"-t2w", 3}, {"-t2f", 4}};

inline void write_brats_subject(const std::filesystem::path& parent, const std::string& id,
                                bool newer = false, const Affine& affine = kSubjectAffine) {
  std::filesystem::create_directories(parent / id);
  for (const auto& [ending, value] : newer ? kNewEndings : kOldEndings) {
    write_volume(parent / id / (id + ending + ".nii.gz"), image_values(value), kSubjectExtent,
                 affine);
  }
  auto labels = label_values();
  if (newer) std::replace(labels.begin(), labels.end(), 4, 3);
  write_volume(parent / id / (id + (newer ? "-seg" : "_seg") + ".nii.gz"), labels, kSubjectExtent,
               affine);
}

}  // namespace collegium::testing
