#include "torch/training/private_gradient.h"

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "tables.h"
#include "torch/network/segresnet.h"
#include "torch/training/batch.h"
#include "torch/training/device.h"

namespace collegium {
namespace {

struct Image {
  Example example;
  std::uint64_t dropout_key;
};
using Images = std::vector<Image>;  // of one patient

Images patient(double phase, std::int64_t images = 1) {
  Images all;
  for (std::int64_t e = 0; e < images; ++e) {
    Example example{{}, {}, {4, 8, 8, 8}, {3, 8, 8, 8}};
    for (int i = 0; i < 4 * 512; ++i)
      example.input.push_back(
          static_cast<float>(std::sin(0.1 * i + phase + 2.0 * static_cast<double>(e))));
    for (int i = 0; i < 3 * 512; ++i) example.target.push_back(std::sin(0.25 * i + phase) > 0.3);
    all.push_back({example, static_cast<std::uint64_t>(phase * 1000) + all.size()});
  }
  return all;
}

class AStep {
 public:
  AStep() { model_.load(initial_values(network_, 9)); }

  std::vector<double> sum(const std::vector<Images>& patients, double clip, std::size_t width = 2,
                          ClippingMode mode = ClippingMode::flat) {
    PrivateSum sum(layout_, PatientClipping(layout_, mode, clip));
    PrivateGradient gradient(round_, width, layouts_);
    for (const auto& portion : portions(patients, width)) gradient.add(portion, sum);
    return {sum.unprotected().begin(), sum.unprotected().end()};
  }

  const Layout& layout() const { return layout_; }

  // The mean over a patient's images of ordinary gradients, one image at a time.
  std::vector<float> mean_gradient(const Images& images) {
    std::vector<double> mean(layout_.size());
    for (const auto& image : images) {
      const auto batch = stack({image.example}, {image.dropout_key}, at::kCPU, false);
      model_.zero_gradient();
      loss_->mean(network_.forward(batch.inputs, model_.parameters(), batch.pass), batch.targets)
          .backward();
      const auto gradient = model_.gradient();
      for (std::size_t i = 0; i < mean.size(); ++i)
        mean[i] += gradient[i] / static_cast<double>(images.size());
    }
    return {mean.begin(), mean.end()};
  }

 private:
  static std::vector<Portion> portions(const std::vector<Images>& patients, std::size_t width) {
    std::vector<std::size_t> drawn(patients.size());
    std::iota(drawn.begin(), drawn.end(), std::size_t{0});
    std::vector<std::vector<std::size_t>> samples_of(patients.size());
    Images images;
    for (std::size_t p = 0; p < patients.size(); ++p)
      for (const auto& image : patients[p]) {
        samples_of[p].push_back(images.size());
        images.push_back(image);
      }
    auto portions = portions_of(drawn, samples_of, width);
    for (auto& portion : portions)
      for (const auto sample : portion.samples) {
        portion.examples.push_back(images[sample].example);
        portion.dropout_keys.push_back(images[sample].dropout_key);
      }
    return portions;
  }

  ThreadCount one_thread_{1};
  SegResNet network_{{.blocks_down = {1, 1, 1}, .blocks_up = {1, 1}}};
  std::unique_ptr<Loss> loss_ = make_loss({});
  Layout layout_ = layout_of(network_, {});
  FlatModel model_{layout_};
  SampleLayouts layouts_;
  TrainTask task_;
  TrainingConfig training_;
  Progress progress_;
  std::unique_ptr<Optimizer> optimizer_ = make_optimizer(training_, layout_);
  std::shared_ptr<Dataset> data_ = testing::volumes(1, 8);
  LocalRound round_{.task = task_,
                    .training = training_,
                    .progress = progress_,
                    .network = network_,
                    .layout = layout_,
                    .data = *data_,
                    .loss = *loss_,
                    .model = model_,
                    .optimizer = *optimizer_,
                    .rate = 1};
};

double norm(const std::vector<double>& a) {
  return std::sqrt(std::inner_product(a.begin(), a.end(), a.begin(), 0.0));
}

double distance(std::vector<double> a, const std::vector<double>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] -= b[i];
  return norm(a);
}

const std::vector<Images> kPatients = {patient(0.1), patient(1.2, 2), patient(2.3), patient(3.1, 5),
                                       patient(0.7)};
constexpr double kClip = 0.02;  // below every gradient's norm

// float32 through different kernels: no closer than 1e-4 of a gradient. Five gradients that do not
// cancel are no shorter than one.
TEST(PrivateGradient, IsTheSumOfClippedMeansOverEachPatientsImages) {
  AStep step;
  for (const auto mode : {ClippingMode::flat, ClippingMode::per_layer, ClippingMode::automatic}) {
    PrivateSum wanted(step.layout(), PatientClipping(step.layout(), mode, kClip));
    for (const auto& images : kPatients) wanted.add(step.mean_gradient(images));
    const std::vector<double> sum(wanted.unprotected().begin(), wanted.unprotected().end());
    ASSERT_GT(norm(sum), kClip);
    EXPECT_LT(distance(step.sum(kPatients, kClip, 2, mode), sum), 1e-3 * kClip);
  }
}

TEST(PrivateGradient, IsTheSameHoweverManyImagesAreComputedTogether) {
  AStep step;
  const auto two = step.sum(kPatients, kClip, 2);
  for (const std::size_t width : {1u, 3u})
    EXPECT_LT(distance(step.sum(kPatients, kClip, width), two), 1e-3 * kClip) << width;
}

// Sums of two that share a pass are rounded to float32 once more, to 2^-24 of their size.
TEST(PrivateGradient, OfAPatientIsTheSameWhoeverElseWasDrawn) {
  AStep step;
  const auto alone = step.sum({patient(0.4)}, kClip);
  auto broken = patient(1.9);
  for (auto& x : broken[0].example.input) x = std::numeric_limits<float>::quiet_NaN();
  EXPECT_LT(distance(step.sum({patient(0.4), broken}, kClip), alone), 1e-6 * kClip);
  EXPECT_LT(distance(step.sum({broken, patient(0.4)}, kClip), alone), 1e-6 * kClip);
  auto both = step.sum({patient(0.4), patient(2.2)}, kClip);
  const auto other = step.sum({patient(2.2)}, kClip);
  for (std::size_t i = 0; i < both.size(); ++i) both[i] -= other[i];
  EXPECT_LT(distance(both, alone), 1e-6 * kClip);
}

TEST(PrivateGradient, OfAPatientWithManyImagesIsClippedOnce) {
  AStep step;
  const double sum = norm(step.sum({patient(0.4, 5)}, kClip));
  EXPECT_LE(sum, kClip);
  EXPECT_GT(sum, 0.99 * kClip);
}

TEST(PrivateGradient, IsLeftOutWhenOneImageOfAPatientIsNotFinite) {
  AStep step;
  auto broken = patient(0.4, 3);
  broken[2].example.input[7] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(distance(step.sum({broken, patient(1.1)}, kClip), step.sum({patient(1.1)}, kClip)),
            0.0);
}

}  // namespace
}  // namespace collegium
