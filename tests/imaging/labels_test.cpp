#include <gtest/gtest.h>

#include <array>

#include "collegium/error.h"
#include "imaging/labels.h"
#include "reference.h"

namespace collegium {
namespace {

using Names = std::vector<std::pair<std::int32_t, std::string>>;

std::vector<int> as_ints(std::span<const std::uint8_t> values) {
  return {values.begin(), values.end()};
}

TEST(Labels, BecomeOverlappingRegionsAsInMonai) {
  // The reference also converts a 3, which BraTS 2018 does not have and we refuse.
  const auto& reference = testing::medical_reference()["preprocess"]["convert_labels"];
  std::vector<std::int32_t> labels;
  std::vector<std::vector<int>> expected(3);
  for (std::size_t i = 0; i < reference["input"].size(); ++i) {
    if (reference["input"][i] == 3) continue;
    labels.push_back(reference["input"][i]);
    for (std::size_t c = 0; c < 3; ++c) expected[c].push_back(reference["out"][c][i]);
  }
  const Extent extent{1, 1, static_cast<std::int64_t>(labels.size())};
  const MaskImage regions = regions_from_labels(labels, extent, label_scheme("brats2018"), "seg");
  for (std::int64_t c = 0; c < 3; ++c) {
    EXPECT_EQ(as_ints(regions.channel(c)), expected[static_cast<std::size_t>(c)])
        << kRegionNames[c];
  }
}

TEST(Labels, OfEverySchemeComeBackFromRegions) {
  const Names names{
      {0, "background"}, {1, "edema"}, {2, "non-enhancing tumor"}, {3, "enhancing tumour"}};
  for (const LabelScheme& scheme :
       {label_scheme("brats2018"), label_scheme("brats2023"), msd_scheme(names, "dataset.json")}) {
    const std::vector<std::int32_t> labels{0, scheme.necrotic, scheme.oedema, scheme.enhancing, 0,
                                           1};
    const auto back =
        labels_from_regions(regions_from_labels(labels, {1, 2, 3}, scheme, ""), scheme);
    EXPECT_TRUE(std::equal(back.begin(), back.end(), labels.begin(), labels.end())) << scheme.name;
  }
}

TEST(Labels, PredictionsThatDoNotNestFollowTheInnermostRegion) {
  MaskImage regions(3, {1, 1, 3});
  regions.channel(2)[0] = 1;  // enhancing without core or whole
  regions.channel(0)[1] = 1;  // core without whole
  EXPECT_EQ(labels_from_regions(regions, label_scheme("brats2018")),
            (std::vector<std::uint8_t>{4, 1, 0}));
}

TEST(Labels, UnknownOnesAreRefusedWithFileAndValue) {
  for (const std::int32_t bad : {3, 5, -1, 300}) {
    try {
      regions_from_labels(std::vector<std::int32_t>{0, 1, bad}, {1, 1, 3},
                          label_scheme("brats2018"), "A/A_seg.nii.gz");
      FAIL() << bad;
    } catch (const DataError& error) {
      EXPECT_EQ(error.problem().where, "A/A_seg.nii.gz");
      EXPECT_EQ(error.problem().found, std::to_string(bad));
    }
  }
}

TEST(Labels, MsdNumbersComeFromTheNames) {
  const LabelScheme usual = msd_scheme(
      Names{{0, "background"}, {1, "edema"}, {2, "non-enhancing tumor"}, {3, "enhancing tumour"}},
      "");
  EXPECT_EQ(usual.oedema, 1);
  EXPECT_EQ(usual.necrotic, 2);
  EXPECT_EQ(usual.enhancing, 3);
  const LabelScheme short_names = msd_scheme(Names{{1, "NCR/NET"}, {2, "ED"}, {4, "ET"}}, "");
  EXPECT_EQ(short_names.necrotic, 1);
  EXPECT_EQ(short_names.oedema, 2);
  EXPECT_EQ(short_names.enhancing, 4);
}

TEST(Labels, MsdNamesAreNeverGuessed) {
  EXPECT_THROW(msd_scheme(Names{{1, "edema"}, {2, "tumour"}, {3, "enhancing"}}, "d.json"),
               DataError);
  EXPECT_THROW(msd_scheme(Names{{1, "edema"}, {2, "enhancing"}, {3, "enhancing"}}, "d.json"),
               DataError);
  EXPECT_THROW(msd_scheme(Names{{1, "edema"}, {2, "necrosis"}}, "d.json"), DataError);
  EXPECT_THROW(label_scheme("brats"), ConfigError);
}

}  // namespace
}  // namespace collegium
