#include "torch/training/patient_feed.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

namespace collegium {
namespace {

// Subjects with one, many or no samples, in a fixed irregular pattern.
std::vector<std::vector<std::size_t>> clinic(std::size_t subjects) {
  std::vector<std::vector<std::size_t>> samples_of(subjects);
  std::size_t next = 0;
  for (std::size_t i = 0; i < subjects; ++i)
    for (std::size_t k = 0; k < (i * i + 1) % 7; ++k) samples_of[i].push_back(next++);
  return samples_of;
}

std::vector<std::size_t> everybody(std::size_t subjects) {
  std::vector<std::size_t> all(subjects);
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

TEST(PortionsOfAStep, HoldEverySampleOnceAndNeverMoreThanTheirWidth) {
  const auto samples_of = clinic(60);
  for (const std::size_t width : {1u, 2u, 3u, 32u}) {
    std::multiset<std::size_t> seen;
    for (const auto& portion : portions_of(everybody(60), samples_of, width)) {
      EXPECT_LE(portion.samples.size(), width);
      seen.insert(portion.samples.begin(), portion.samples.end());
    }
    std::multiset<std::size_t> wanted;
    for (const auto& samples : samples_of) wanted.insert(samples.begin(), samples.end());
    EXPECT_EQ(seen, wanted);
  }
}

TEST(PortionsOfAStep, KeepAPatientWithSeveralSamplesApartAndTogether) {
  const auto samples_of = clinic(60);
  const auto portions = portions_of(everybody(60), samples_of, 2);
  std::size_t gathered = 0;
  for (const auto& portion : portions) {
    if (portion.of_patient == 1) {
      EXPECT_EQ(gathered, 0u);  // nobody comes in between
      EXPECT_TRUE(portion.closes_patient);
      continue;
    }
    gathered += portion.samples.size();
    EXPECT_EQ(portion.closes_patient, gathered == portion.of_patient);
    if (portion.closes_patient) gathered = 0;
  }
  EXPECT_EQ(gathered, 0u);
}

TEST(PortionsOfAStep, CloseItWithTheLastOne) {
  for (const std::size_t subjects : {0u, 1u, 2u, 9u}) {
    const auto portions = portions_of(everybody(subjects), clinic(subjects), 2);
    ASSERT_FALSE(portions.empty());
    for (const auto& portion : portions)
      EXPECT_EQ(portion.closes_step, &portion == &portions.back());
  }
}

TEST(PortionsOfAStep, AreOneEmptyPortionWhenNobodyWasDrawn) {
  const auto portions = portions_of({}, clinic(5), 2);
  ASSERT_EQ(portions.size(), 1u);
  EXPECT_TRUE(portions[0].samples.empty());
  EXPECT_TRUE(portions[0].closes_step);
}

}  // namespace
}  // namespace collegium
