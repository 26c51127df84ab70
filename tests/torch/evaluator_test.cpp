#include "torch/training/evaluator.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <gtest/gtest.h>

#include <cmath>

#include "collegium/error.h"
#include "reference.h"
#include "tables.h"
#include "torch/network/model.h"
#include "torch/network/network.h"
#include "torch/training/validation.h"

namespace collegium {
namespace {

// Says for each voxel which of two channels is positive: the answer is known without training.
class Threshold final : public Network {
 public:
  const std::vector<ParameterSpec>& parameters() const override { return parameters_; }
  at::Tensor forward(const at::Tensor& x, const std::vector<at::Tensor>& w,
                     const Pass&) const override {
    return x - w[0];
  }

 private:
  std::vector<ParameterSpec> parameters_ = {{.name = "level", .shape = {1}}};
};

class TwoSubjects final : public VolumeDataset {
 public:
  TwoSubjects() {
    for (int s = 0; s < 2; ++s) {
      std::vector<float> x(2 * 12 * 10 * 11, -1.0f);
      std::vector<std::uint8_t> t(x.size());
      for (std::size_t i = 0; i < 1320; ++i) {
        const auto z = i / 110, y = i / 11 % 10;
        if (z >= 3 && z < 8 && y >= 2 && y < 6) x[i] = 1, t[i] = 1;  // region 0: found exactly
        if (s == 0 && z >= 2 && z < 4) t[1320 + i] = 1;  // region 1: missed in subject 0,
      }                                                  // absent in subject 1
      images.push_back(std::move(x));
      targets.push_back(std::move(t));
    }
  }
  std::size_t size() const override { return 2; }
  Item sample(std::size_t i) const override {
    return {{images[i].data(), ElementType::float32, {2, 12, 10, 11}, {}},
            {targets[i].data(), ElementType::uint8, {2, 12, 10, 11}, {}}};
  }
  std::string name(std::size_t s) const override { return s == 0 ? "ann" : "bob"; }
  std::vector<std::string> regions() const override { return {"core", "rim"}; }
  Spacing spacing(std::size_t) const override { return {1, 2, 3}; }
  void write_prediction(std::size_t s, std::span<const std::uint8_t> regions,
                        const std::filesystem::path&) const override {
    written[s] = {regions.begin(), regions.end()};
  }
  std::vector<std::vector<float>> images;
  std::vector<std::vector<std::uint8_t>> targets;
  mutable std::vector<std::uint8_t> written[2];
};

TEST(Evaluation, ScoresEachRegionOfEachSubject) {
  const TwoSubjects data;
  const std::vector<float> model = {0};
  const auto scores = evaluate_volumes(Threshold(), model, data,
                                       {.roi = {8, 8, 8}, .overlap = 0.5, .predictions = "out"});
  ASSERT_EQ(scores.size(), 2u);
  EXPECT_EQ(scores[0].subject, "ann");
  EXPECT_EQ(scores[0].regions[0].region, "core");
  EXPECT_EQ(scores[0].regions[0].dice, 1);
  EXPECT_EQ(scores[0].regions[0].hd95, 0);
  EXPECT_EQ(scores[0].regions[0].reference_voxels, 5 * 4 * 11);
  EXPECT_EQ(scores[0].regions[1].dice, 0);  // missed
  EXPECT_DOUBLE_EQ(scores[0].regions[1].hd95, 373.13);
  EXPECT_EQ(scores[1].regions[1].dice, 1);  // both empty
  EXPECT_EQ(scores[1].regions[1].predicted_voxels, 0);
  EXPECT_TRUE(
      std::equal(data.written[0].begin(), data.written[0].begin() + 1320, data.targets[0].begin()));
}

TEST(Evaluation, IsTheSameThroughWindowsAndAtOnce) {
  const TwoSubjects data;
  const std::vector<float> model = {0.5f};
  const auto whole = evaluate_volumes(Threshold(), model, data, {});
  for (const bool gaussian : {false, true}) {
    const auto windows = evaluate_volumes(
        Threshold(), model, data, {.roi = {5, 16, 7}, .overlap = 0.25, .gaussian = gaussian});
    for (std::size_t s = 0; s < 2; ++s)
      for (std::size_t r = 0; r < 2; ++r)
        EXPECT_EQ(windows[s].regions[r].dice, whole[s].regions[r].dice);
  }
}

TEST(Evaluation, LooksAtTheChosenSubjectsAndStopsWhenTold) {
  const TwoSubjects data;
  const std::vector<float> model = {0};
  const auto one = evaluate_volumes(Threshold(), model, data, {.subjects = {1}});
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].subject, "bob");
  EXPECT_THROW(evaluate_volumes(Threshold(), model, data, {}, [](auto, auto) { return false; }),
               Error);
}

TEST(ValidationMetrics, AverageARegionOverTheSubjectsWhoHaveIt) {
  const TwoSubjects data;
  const std::vector<float> model = {0};
  const auto metrics = validation_metrics(Threshold(), *make_loss({}), model, data, {0, 1},
                                          TrainingConfig{}, 1, "cpu");
  const auto find = [&](const std::string& name) {
    return *std::find_if(metrics.begin(), metrics.end(),
                         [&](const auto& m) { return m.name == name; });
  };
  EXPECT_EQ(find("dice_core").value, 1);
  EXPECT_EQ(find("dice_core").count, 2);
  EXPECT_EQ(find("dice_rim").value,
            0);  // bob has none: his empty prediction is not counted as a success
  EXPECT_EQ(find("dice_rim").count, 1);
}

// What is released under noise: every subject counts, whatever it has, and nothing is without
// bound.
TEST(BoundedMetrics, AreDiceOverAllSubjectsByTheRuleOfBraTS) {
  const TwoSubjects data;
  const auto metrics =
      bounded_metrics(Threshold(), std::vector<float>{0}, data, {0, 1}, TrainingConfig{}, 1, "cpu");
  ASSERT_EQ(metrics.size(), 2u) << "no distances";
  EXPECT_EQ(metrics[0].name, "dice_core");
  EXPECT_EQ(metrics[0].value, 1);
  EXPECT_EQ(metrics[1].name, "dice_rim");
  EXPECT_EQ(metrics[1].count, 2) << "also bob, who has none";
  const auto scores = evaluate_volumes(Threshold(), std::vector<float>{0}, data, {});
  EXPECT_DOUBLE_EQ(metrics[1].value, (scores[0].regions[1].dice + scores[1].regions[1].dice) / 2);
}

// Two samples of one subject, one right and one wrong, count as half a subject.
TEST(BoundedMetrics, OfClassesAreTheAccuracyOfSubjects) {
  const std::vector<float> x = {1, 0, 0, 1, 1, 0};
  const std::vector<std::int64_t> y = {0, 1, 1};
  const TensorDataset data({x.data(), ElementType::float32, {3, 2}, {}},
                           {y.data(), ElementType::int64, {3}, {}}, {0, 1, 1});
  const auto network = make_network(testing::network("linear", 2, 2));
  const auto metrics =
      bounded_metrics(*network, std::vector<float>{1, 0, 0, 1, 0, 0}, data, {0, 1}, {}, 1, "cpu");
  ASSERT_EQ(metrics.size(), 1u);
  EXPECT_EQ(metrics[0].name, "accuracy");
  EXPECT_DOUBLE_EQ(metrics[0].value, 0.75);
  EXPECT_EQ(metrics[0].count, 2);
}

TEST(ValidationMetrics, OfClassesAreLossAndAccuracy) {
  const std::vector<float> x = {1, 0, 0, 1, 1, 0};  // logits through the identity
  const std::vector<std::int64_t> y = {0, 1, 1};
  const TensorDataset data({x.data(), ElementType::float32, {3, 2}, {}},
                           {y.data(), ElementType::int64, {3}, {}});
  const auto network = make_network(testing::network("linear", 2, 2));
  const std::vector<float> identity = {1, 0, 0, 1, 0, 0};
  const auto metrics = validation_metrics(*network, *make_loss({.name = "cross_entropy"}), identity,
                                          data, {0, 1, 2}, {}, 1, "cpu");
  ASSERT_EQ(metrics.size(), 2u);
  EXPECT_EQ(metrics[1].name, "accuracy");
  EXPECT_NEAR(metrics[1].value, 2.0 / 3, 1e-12);
  const double right = std::log(1 + std::exp(-1.0)), wrong = std::log(1 + std::exp(1.0));
  EXPECT_NEAR(metrics[0].value, (2 * right + wrong) / 3, 1e-6);
}

TEST(Predict, ReturnsTheNetworksOutputWithItsShape) {
  const std::vector<float> x = {1, 2, 3, 4};
  const auto y = predict(testing::network("linear", 2, 1), std::vector<float>{10, 1, 0.5f},
                         {x.data(), ElementType::float32, {2, 2}, {}});
  EXPECT_EQ(y.shape, (std::vector<std::int64_t>{2, 1}));
  EXPECT_EQ(y.values, (std::vector<float>{12.5f, 34.5f}));
}

}  // namespace
}  // namespace collegium
