#include <gtest/gtest.h>

#include <cmath>

#include "collegium/error.h"
#include "imaging/nifti.h"
#include "support/temporary_folder.h"

namespace collegium {
namespace {

constexpr Affine kOblique{
    {{-0.9, 0.1, 0.2, 12}, {0.1, 1.1, -0.3, -7}, {0.2, 0.3, 2.5, 40}, {0, 0, 0, 1}}};

TEST(NiftiWriter, WhatIsWrittenIsReadAgain) {
  const TemporaryFolder folder;
  std::vector<std::uint8_t> labels(3 * 4 * 5);
  std::vector<float> probabilities(labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    labels[i] = static_cast<std::uint8_t>(i % 5);
    probabilities[i] = static_cast<float>(i) / 7;
  }
  for (const char* name : {"a.nii", "a.nii.gz"}) {
    write_volume(folder.path() / name, labels, {3, 4, 5}, kOblique);
    const LabelVolume back = read_labels(folder.path() / name);
    EXPECT_EQ(back.grid.shape, (std::vector<std::int64_t>{3, 4, 5}));
    EXPECT_TRUE(std::equal(back.values.begin(), back.values.end(), labels.begin(), labels.end()));
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t j = 0; j < 4; ++j) {
        EXPECT_FLOAT_EQ(static_cast<float>(back.grid.affine[i][j]),
                        static_cast<float>(kOblique[i][j]));
      }
    }
    write_volume(folder.path() / name, probabilities, {3, 4, 5}, kOblique);
    EXPECT_EQ(read_volume(folder.path() / name).values, probabilities);
  }
}

TEST(NiftiWriter, CompressesOnlyWhereTheNameSaysSo) {
  const TemporaryFolder folder;
  const std::vector<std::uint8_t> labels(1000);
  write_volume(folder.path() / "a.nii", labels, {10, 10, 10}, kOblique);
  write_volume(folder.path() / "a.nii.gz", labels, {10, 10, 10}, kOblique);
  EXPECT_EQ(std::filesystem::file_size(folder.path() / "a.nii"), 352u + 1000u);
  EXPECT_LT(std::filesystem::file_size(folder.path() / "a.nii.gz"), 352u);
}

TEST(NiftiWriter, RefusesWhatTheFormatCannotHold) {
  const TemporaryFolder folder;
  const std::vector<std::uint8_t> labels(32768);
  EXPECT_THROW(write_volume(folder.path() / "a.nii", labels, {32768, 1, 1}, kOblique), DataError);
  EXPECT_THROW(write_volume(folder.path() / "a.nii", labels, {10, 10, 10}, kOblique), DataError);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(NiftiWriter, NamesAFolderItCannotWriteTo) {
  const std::vector<std::uint8_t> labels(1);
  EXPECT_THROW(write_volume("/nowhere/a.nii", labels, {1, 1, 1}, kOblique), SystemError);
}

}  // namespace
}  // namespace collegium
