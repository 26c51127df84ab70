#include "torch/training/sampling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "privacy/noise.h"

namespace collegium {
namespace {

TEST(ShuffledBatches, ShowEverySampleOnceAnEpoch) {
  TrainingConfig training;
  training.batch_size = 4;
  training.local_epochs = 3;
  const auto batches = shuffled_batches(training, 10, 1, 2, "guys");
  ASSERT_EQ(batches.size(), 9u);  // 4 + 4 + 2, three times
  for (std::size_t epoch = 0; epoch < 3; ++epoch) {
    std::vector<int> seen(10);
    for (std::size_t b = 0; b < 3; ++b) {
      EXPECT_EQ(batches[epoch * 3 + b].size(), b < 2 ? 4u : 2u);
      for (const auto sample : batches[epoch * 3 + b]) ++seen[sample];
    }
    EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](int n) { return n == 1; }));
  }
  EXPECT_NE(batches[0], batches[3]);
}

TEST(ShuffledBatches, OfACountOfStepsAreAllFull) {
  TrainingConfig training;
  training.batch_size = 4;
  training.local_epochs = 0;
  training.local_steps = 7;
  const auto batches = shuffled_batches(training, 10, 1, 2, "guys");
  ASSERT_EQ(batches.size(), 7u);
  std::vector<int> seen(10);
  for (const auto& batch : batches) {
    EXPECT_EQ(batch.size(), 4u);
    for (const auto sample : batch) ++seen[sample];
  }
  for (const int n : seen) EXPECT_TRUE(n == 2 || n == 3) << n;  // 28 draws in whole epochs of 10
}

TEST(ShuffledBatches, DifferBySeedRoundAndSite) {
  TrainingConfig training;
  training.batch_size = 20;
  training.local_epochs = 1;
  const auto order = shuffled_batches(training, 20, 1, 1, "guys");
  EXPECT_EQ(order, shuffled_batches(training, 20, 1, 1, "guys"));
  EXPECT_NE(order, shuffled_batches(training, 20, 2, 1, "guys"));
  EXPECT_NE(order, shuffled_batches(training, 20, 1, 2, "guys"));
  EXPECT_NE(order, shuffled_batches(training, 20, 1, 1, "kings"));
}

TEST(ShuffledBatches, AreNeverLargerThanTheData) {
  TrainingConfig training;
  training.batch_size = 100;
  training.local_steps = 2;
  training.local_epochs = 0;
  const auto batches = shuffled_batches(training, 3, 1, 1, "guys");
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_EQ(batches[0].size(), 3u);
}

// Sizes are binomial(200, 0.1): mean 20, variance 18. Over 2000 draws the mean has standard
// deviation 0.095 and the variance about 0.57; bounds of 5 deviations fail by chance with
// probability below 2e-6, and the key is fixed.
TEST(PoissonSample, TakesEachSubjectIndependently) {
  const auto coins =
      NoiseSource::not_private_for_tests({1}).stream(NoisePurpose::subject_sampling, 1);
  double sum = 0, squares = 0;
  std::vector<int> taken(200);
  constexpr int kDraws = 2000;
  for (int i = 0; i < kDraws; ++i) {
    const auto sample = poisson_sample(200, 0.1, *coins);
    EXPECT_TRUE(std::is_sorted(sample.begin(), sample.end()));
    for (const auto subject : sample) ++taken[subject];
    sum += static_cast<double>(sample.size());
    squares += static_cast<double>(sample.size()) * static_cast<double>(sample.size());
  }
  const double mean = sum / kDraws;
  EXPECT_NEAR(mean, 20, 0.475);
  EXPECT_NEAR(squares / kDraws - mean * mean, 18, 2.9);
  for (const int n : taken) EXPECT_NEAR(n, 200, 6 * std::sqrt(180.0));
}

TEST(PoissonSample, AtRateOneIsEverybody) {
  const auto coins =
      NoiseSource::not_private_for_tests({1}).stream(NoisePurpose::subject_sampling, 1);
  EXPECT_EQ(poisson_sample(50, 1.0, *coins).size(), 50u);
  EXPECT_TRUE(poisson_sample(0, 1.0, *coins).empty());
}

}  // namespace
}  // namespace collegium
