#include "torch/data/image_folder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "collegium/error.h"
#include "imaging/nifti.h"
#include "tables.h"
#include "torch/network/model.h"
#include "torch/training/evaluator.h"
#include "torch/training/site_trainer.h"

namespace collegium {
namespace {

constexpr Extent kExtent = {16, 16, 8};
constexpr Affine kAffine = {
    {{-1, 0, 0, 5}, {0, -1, 0, 7}, {0, 0, 2, -3}, {0, 0, 0, 1}}};  // LPS, 2 mm slices

// A folder of subjects as in BraTS: four sequences and a segmentation each.
class BratsFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(::testing::TempDir()) / ("brats-" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
    for (const std::string name : {"ann", "bob", "cy"}) {
      std::filesystem::create_directories(folder_ / name);
      std::vector<float> image(static_cast<std::size_t>(voxels(kExtent)));
      std::vector<std::uint8_t> labels(image.size());
      for (std::size_t i = 0; i < image.size(); ++i) {
        image[i] = i % 5 == 0 ? 0 : 100 + static_cast<float>(i % 97);
        const auto z = i % 8, y = i / 8 % 16;
        labels[i] = z > 2 && y > 8 ? (z > 5 ? 4 : y > 12 ? 1 : 2) : 0;
      }
      for (const std::string sequence : {"t1ce", "t1", "t2", "flair"})
        write_volume(folder_ / name / (name + "_" + sequence + ".nii.gz"), image, kExtent, kAffine);
      write_volume(folder_ / name / (name + "_seg.nii.gz"), labels, kExtent, kAffine);
    }
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  DataConfig data() const {
    DataConfig config;
    config.path = folder_;
    config.labels = "brats2018";
    return config;
  }

  std::filesystem::path folder_;
};

TEST_F(BratsFolder, IsADataSetOfVolumesWithThreeRegions) {
  const auto data = open_data(this->data());
  ASSERT_EQ(data->size(), 3u);
  EXPECT_EQ(data->name(1), "bob");
  EXPECT_TRUE(data->as_scanned());
  const auto item = data->sample(1);
  EXPECT_EQ(item.input.shape, (std::vector<std::int64_t>{4, 16, 16, 8}));
  EXPECT_EQ(item.target.shape, (std::vector<std::int64_t>{3, 16, 16, 8}));
  EXPECT_EQ(data->spacing(0), (Spacing{1, 1, 2}));
}

TEST_F(BratsFolder, IsTrainedOnAndEvaluated) {
  auto training = testing::sgd(1e-3, 2, 2);
  training.optimizer = "adam";
  training.loss.name = "dice";
  training.crop = {8, 8, 8};
  training.crop_foreground = 0.5;
  training.validation = 1;
  SiteConfig site;
  const auto network = testing::network("segresnet");
  const auto trainer = make_site_trainer(site, open_data(data()),
                                         at_site::Prepare{.network = network.to_settings()});
  const auto model = initial_values(network, 1);
  std::vector<float> delta(model.size());
  const auto result = trainer->train(model, delta, testing::task(training), {});
  EXPECT_EQ(result.steps, 2);
  EXPECT_GT(result.loss, 0);
  const auto metrics = trainer->evaluate(model, testing::task(training));
  ASSERT_EQ(metrics.size(),
            6u);  // Dice and HD95 of three regions that the one validation subject has
  for (const auto& metric : metrics) EXPECT_EQ(metric.count, 1);
}

TEST_F(BratsFolder, GetsPredictionsOnItsOwnGridWithItsOwnLabels) {
  const auto data = open_data(this->data());
  const auto network = testing::network("segresnet");
  auto model = initial_values(network, 1);
  model[model.size() - 3] = 100;   // head's biases: tumour core everywhere,
  model[model.size() - 2] = 100;   // whole tumour everywhere,
  model[model.size() - 1] = -100;  // enhancing tumour nowhere
  const auto scores = evaluate_volumes(
      network, model, *data, {.roi = {16, 16, 8}, .predictions = folder_ / "out", .subjects = {2}});
  ASSERT_EQ(scores.size(), 1u);
  EXPECT_EQ(scores[0].regions[0].predicted_voxels, voxels(kExtent));
  EXPECT_EQ(scores[0].regions[2].dice, 0);
  const auto written = read_labels(folder_ / "out" / "cy.nii.gz");
  EXPECT_EQ(written.grid.affine, kAffine);
  for (const auto label : written.values) ASSERT_EQ(label, 1);
}

TEST_F(BratsFolder, IsRefusedBeforeTrainingWhenASubjectIsIncomplete) {
  std::filesystem::remove(folder_ / "bob" / "bob_t2.nii.gz");
  try {
    open_data(data());
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("bob"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace collegium
