#include "torch/training/sampling.h"

#include <gtest/gtest.h>

#include <algorithm>

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

}  // namespace
}  // namespace collegium
