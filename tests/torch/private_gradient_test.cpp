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

  std::vector<double> sum(const std::vector<Images>& patients, PerSample mode, double clip,
                          std::size_t width = 2) {
    PrivateSum sum(layout_, PatientClipping(layout_, ClippingMode::flat, clip));
    PrivateGradient gradient(round_, mode, width);
    for (const auto& portion : portions(patients, width)) gradient.add(portion, sum);
    return {sum.unprotected().begin(), sum.unprotected().end()};
  }

  // The mean over a patient's images of ordinary gradients, one image at a time.
  std::vector<double> mean_gradient(const Images& images) {
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
    return mean;
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
  std::vector<double> wanted(step.mean_gradient(kPatients[0]).size());
  for (const auto& images : kPatients) {
    const auto mean = step.mean_gradient(images);
    const double factor = kClip * (1 - 0x1p-10) / norm(mean);
    ASSERT_LT(factor, 1);
    for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] += factor * mean[i];
  }
  ASSERT_GT(norm(wanted), kClip);
  for (const auto mode : {PerSample::loop, PerSample::batched})
    EXPECT_LT(distance(step.sum(kPatients, mode, kClip), wanted), 1e-3 * kClip);
}

TEST(PrivateGradient, IsTheSameHoweverManyImagesAreComputedTogether) {
  AStep step;
  for (const auto mode : {PerSample::loop, PerSample::batched}) {
    const auto two = step.sum(kPatients, mode, kClip, 2);
    for (const std::size_t width : {1u, 3u})
      EXPECT_LT(distance(step.sum(kPatients, mode, kClip, width), two), 1e-3 * kClip) << width;
  }
}

TEST(PrivateGradient, OfAPatientHasTheSameBitsWhoeverElseWasDrawn) {
  AStep step;
  const auto alone = step.sum({patient(0.4)}, PerSample::batched, 1e6);
  auto other = patient(1.9);
  for (auto& x : other[0].example.input)
    x = std::numeric_limits<float>::quiet_NaN();  // contributes zero
  EXPECT_EQ(step.sum({patient(0.4), other}, PerSample::batched, 1e6), alone);
  EXPECT_EQ(step.sum({other, patient(0.4)}, PerSample::loop, 1e6),
            step.sum({patient(0.4)}, PerSample::loop, 1e6));
}

TEST(PrivateGradient, OfAPatientWithManyImagesIsClippedOnce) {
  AStep step;
  const double sum = norm(step.sum({patient(0.4, 5)}, PerSample::batched, kClip));
  EXPECT_LE(sum, kClip);
  EXPECT_GT(sum, 0.99 * kClip);
}

TEST(PrivateGradient, IsLeftOutWhenOneImageOfAPatientIsNotFinite) {
  AStep step;
  auto broken = patient(0.4, 3);
  broken[2].example.input[7] = std::numeric_limits<float>::infinity();
  for (const auto mode : {PerSample::loop, PerSample::batched})
    EXPECT_EQ(distance(step.sum({broken, patient(1.1)}, mode, kClip),
                       step.sum({patient(1.1)}, mode, kClip)),
              0.0);
}

}  // namespace
}  // namespace collegium
