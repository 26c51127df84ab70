#include "secagg/integer_code.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "support/expect_problem.h"

namespace collegium::secagg {
namespace {

TEST(IntegerCode, ScalesAreTheFinestThatCannotOverflow) {
  for (const std::uint32_t sites : {3u, 13u, 100u, 1000u}) {
    for (const double clip : {1e-4, 0.1, 1.0, 3.0, 1000.0}) {
      const IntegerCode code = IntegerCode::of(sites, clip, 1);
      EXPECT_EQ(code.word_bits, 32);
      const double worst = sites * std::ldexp(clip, code.scale_bits);
      EXPECT_LT(worst, std::ldexp(1.0, 31));
      EXPECT_GE(2 * worst, std::ldexp(1.0, 31));
      EXPECT_LT(std::ldexp(sites, code.weight_bits), std::ldexp(1.0, 31));
    }
  }
}

TEST(IntegerCode, RoomForNoiseIsLeft) {
  const double margin = std::ldexp(1.0, 30);
  const IntegerCode code = IntegerCode::of(13, 1, 1, margin);
  EXPECT_LT(13 * std::ldexp(1.0, code.scale_bits) + margin, std::ldexp(1.0, 31));
}

TEST(IntegerCode, ChosenScalesTakeSixtyFourBitsOnlyWhereTheyHaveTo) {
  EXPECT_EQ(IntegerCode::with_scale(13, 1, 1, 27).word_bits, 32);
  EXPECT_EQ(IntegerCode::with_scale(13, 1, 1, 28).word_bits, 64);
  const Problem problem =
      problem_of([] { IntegerCode::with_scale(13, std::ldexp(1.0, 30), 1, 40); });
  EXPECT_THAT(problem.what, testing::HasSubstr("could overflow"));
  EXPECT_FALSE(problem.remedy.empty());
}

// The largest sum there can be, of both signs, comes back right: nothing wraps.
template <class Word>
void expect_extremes(const IntegerCode& code, std::uint32_t sites) {
  const auto clip = static_cast<float>(code.clip);
  const std::vector<float> delta{clip, -clip, 2 * clip, 0.0f};
  std::vector<Word> sum(5, 0), words(5);
  for (std::uint32_t site = 0; site < sites; ++site) {
    EXPECT_EQ(encode(code, delta, code.max_weight, words), 1u);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += words[i];
  }
  std::vector<float> mean(4);
  EXPECT_NEAR(decode(code, sum, mean), sites * code.max_weight, 1e-6 * sites * code.max_weight);
  EXPECT_FLOAT_EQ(mean[0], clip);
  EXPECT_FLOAT_EQ(mean[1], -clip);
  EXPECT_FLOAT_EQ(mean[2], clip);
  EXPECT_EQ(mean[3], 0.0f);
}

TEST(IntegerCode, TheLargestSumsComeBack) {
  for (const std::uint32_t sites : {3u, 13u, 100u}) {
    expect_extremes<std::uint32_t>(IntegerCode::of(sites, 0.5, 10), sites);
    expect_extremes<std::uint64_t>(IntegerCode::with_scale(sites, 0.5, 10, 40), sites);
  }
}

TEST(IntegerCode, WeightedMeansAreWithinTheScaleOfTheTruth) {
  std::mt19937_64 engine(2);
  std::normal_distribution<float> normal(0, 0.1f);
  std::uniform_real_distribution<double> uniform(0.05, 1);
  const std::uint32_t sites = 13;
  const IntegerCode code = IntegerCode::of(sites, 1, 40);
  std::vector<std::uint32_t> sum(101, 0), words(101);
  std::vector<double> truth(100, 0);
  double total = 0;
  for (std::uint32_t site = 0; site < sites; ++site) {
    std::vector<float> delta(100);
    const double weight = 40 * uniform(engine);
    total += weight;
    for (std::size_t i = 0; i < delta.size(); ++i) {
      delta[i] = normal(engine);
      truth[i] += weight * delta[i];
    }
    encode(code, delta, weight, words);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += words[i];
  }
  std::vector<float> mean(100);
  EXPECT_NEAR(decode(code, sum, mean), total, 1e-5 * total);
  // Each site's truncation, over the sum of the shares of the largest weight.
  const double tolerance = sites * std::ldexp(1.0, -code.scale_bits) / (total / 40) + 1e-7;
  for (std::size_t i = 0; i < mean.size(); ++i) EXPECT_NEAR(mean[i], truth[i] / total, tolerance);
}

TEST(IntegerCode, IntegersAreNeverLongerThanTheValues) {
  std::mt19937_64 engine(3);
  std::uniform_real_distribution<float> uniform(-1, 1);
  const IntegerCode code = IntegerCode::of(13, 1, 1);
  std::vector<float> delta(2000);
  for (float& value : delta) value = uniform(engine);
  std::vector<std::uint32_t> words(2001);
  encode(code, delta, 1, words);
  for (std::size_t i = 0; i < delta.size(); ++i)
    EXPECT_LE(std::abs(static_cast<double>(static_cast<std::int32_t>(words[i]))),
              std::abs(std::ldexp(double{delta[i]}, code.scale_bits)));
}

TEST(IntegerCode, RefusesWhatHasNoPlaceInASum) {
  const IntegerCode code = IntegerCode::of(3, 1, 2);
  std::vector<std::uint32_t> words(2);
  const auto encoding = [&](float value, double weight) {
    return problem_of([&] { encode(code, std::vector<float>{value}, weight, words); }).what;
  };
  EXPECT_THAT(encoding(std::numeric_limits<float>::quiet_NaN(), 1), testing::HasSubstr("finite"));
  EXPECT_THAT(encoding(std::numeric_limits<float>::infinity(), 1), testing::HasSubstr("finite"));
  EXPECT_THAT(encoding(0, 2.1), testing::HasSubstr("weight"));
  EXPECT_THAT(encoding(0, 0), testing::HasSubstr("weight"));
  EXPECT_THAT(encoding(0, std::numeric_limits<double>::quiet_NaN()), testing::HasSubstr("weight"));
}

}  // namespace
}  // namespace collegium::secagg
