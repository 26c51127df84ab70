#include "aggregation/weighted_mean.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "collegium/error.h"

namespace collegium {
namespace {

using Values = std::vector<float>;

struct Contribution {
  Values values;
  double weight;
};

std::vector<Contribution> random_contributions(int sites, std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0F, 1e-3F);
  std::vector<Contribution> result;
  for (int k = 0; k < sites; ++k) {
    Contribution each{Values(size), 1.0 + random() % 154};
    for (float& value : each.values) value = normal(random);
    result.push_back(std::move(each));
  }
  return result;
}

Values mean_of(const std::vector<Contribution>& contributions, Settings settings = {}) {
  WeightedMean mean(settings);
  for (const Contribution& each : contributions)
    mean.accumulate({.values = each.values, .weight = each.weight, .site = "a"});
  Values delta(contributions.front().values.size());
  mean.finish(delta);
  return delta;
}

double largest_difference(const Values& a, const Values& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::abs(double(a[i]) - double(b[i])));
  return largest;
}

TEST(WeightedMean, IsTheSumOfWeightedUpdatesOverTheSumOfWeights) {
  EXPECT_EQ(mean_of({{{1, -2, 0}, 1}, {{4, 2, 0}, 2}}), (Values{3, 2.0F / 3.0F, 0}));
}

TEST(WeightedMean, StaysWithinItsStatedErrorForUpToAThousandSites) {
  for (const int sites : {2, 13, 1000}) {
    const auto contributions = random_contributions(sites, 501, 1);
    const Values delta = mean_of(contributions);
    for (std::size_t i = 0; i < delta.size(); ++i) {
      long double sum = 0, absolute = 0, weight = 0;
      for (const auto& [values, w] : contributions) {
        sum += static_cast<long double>(w) * values[i];
        absolute += static_cast<long double>(w) * std::abs(values[i]);
        weight += w;
      }
      EXPECT_LE(std::abs(delta[i] - sum / weight), 0x1p-22L * absolute / weight)
          << sites << " sites, value " << i;
    }
  }
}

TEST(WeightedMean, IgnoresTheOrderOfSites) {
  auto contributions = random_contributions(13, 4099, 2);
  const Values first = mean_of(contributions);
  std::mt19937 random(3);
  for (int i = 0; i < 5; ++i) {
    std::shuffle(contributions.begin(), contributions.end(), random);
    EXPECT_LE(largest_difference(mean_of(contributions), first), 1e-6 * 1e-3);
  }
}

TEST(WeightedMean, KeepsItsPrecisionOverAThousandSites) {
  WeightedMean mean(Settings{});
  const Values small(17, 1e-3F), large(17, 1.0F);
  mean.accumulate({.values = large, .weight = 1, .site = "first"});
  for (int k = 0; k < 1023; ++k) mean.accumulate({.values = small, .weight = 1, .site = "other"});
  Values delta(17);
  mean.finish(delta);
  const double exact = (1.0 + 1023 * static_cast<double>(1e-3F)) / 1024;
  for (const float value : delta) EXPECT_NEAR(value, exact, exact * 0x1p-23);
}

TEST(WeightedMean, GivesBackTheOnlyUpdateBitForBit) {
  std::mt19937 random(4);
  Values values{0.0F, -0.0F, std::numeric_limits<float>::denorm_min(), 1e-38F, -1e30F};
  for (int i = 0; i < 10000; ++i) {
    const auto value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (std::isfinite(value)) values.push_back(value);
  }
  for (const double weight : {1.0, 3.0, 154.0, 0.1}) {
    const Values back = mean_of({{values, weight}});
    for (std::size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(std::bit_cast<std::uint32_t>(back[i]), std::bit_cast<std::uint32_t>(values[i]))
          << values[i] << " " << weight;
    }
  }
}

TEST(WeightedMean, MergesPartialResultsIntoTheSameMean) {
  const auto contributions = random_contributions(7, 1000, 5);
  const Values whole = mean_of(contributions);
  WeightedMean left(Settings{}), right(Settings{}), empty(Settings{});
  for (std::size_t k = 0; k < contributions.size(); ++k) {
    (k % 2 ? left : right)
        .accumulate(
            {.values = contributions[k].values, .weight = contributions[k].weight, .site = "a"});
  }
  empty.merge(left);
  empty.merge(right);
  empty.merge(left);  // was emptied: adds nothing
  Values delta(1000);
  empty.finish(delta);
  EXPECT_LE(largest_difference(delta, whole), 1e-6 * 1e-3);
}

TEST(WeightedMean, DividesByADeclaredConstantWhenOneIsSet) {
  Settings settings;
  settings.set("denominator", 10.0);
  EXPECT_EQ(mean_of({{{1, 2}, 2}, {{3, 1}, 1}}, settings), (Values{0.5F, 0.5F}));
}

TEST(WeightedMean, RefusesWeightsThatAreNotPositiveAndFinite) {
  const Values values(3, 1.0F);
  for (const double weight : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    WeightedMean mean(Settings{});
    EXPECT_THROW(mean.accumulate({.values = values, .weight = weight, .site = "a"}), ConfigError)
        << weight;
  }
  for (const char* denominator :
       {"denominator = 0", "denominator = -1.0", "denominator = nan", "denominator = inf"}) {
    EXPECT_THROW(WeightedMean(Settings::parse(denominator, "f.toml")), ConfigError);
  }
}

TEST(WeightedMean, RefusesWeightsTooFarApartToAdd) {
  WeightedMean mean(Settings{});
  const Values values(3, 1.0F);
  mean.accumulate({.values = values, .weight = 1e-200, .site = "a"});
  EXPECT_THROW(mean.accumulate({.values = values, .weight = 1.0, .site = "b"}), ConfigError);
}

TEST(WeightedMean, RefusesUpdatesOfDifferentSizesAndAnEmptyRound) {
  WeightedMean mean(Settings{});
  Values out(3);
  EXPECT_THROW(mean.finish(out), ConfigError);
  mean.accumulate({.values = out, .weight = 1, .site = "a"});
  EXPECT_THROW(mean.accumulate({.values = Values(4), .weight = 1, .site = "b"}), ConfigError);
  Values wrong(2);
  EXPECT_THROW(mean.finish(wrong), ConfigError);
}

TEST(WeightedMean, RefusesASumBeyondFloat32InsteadOfReturningInfinity) {
  EXPECT_THROW(mean_of({{{3e38F, 0, 0, 0, 0}, 1}, {{3e38F, 0, 0, 0, 0}, 2}}), ConfigError);
}

// The largest change found over random rounds of updates with norm exactly `clip`, one of them
// opposed to the others.
TEST(WeightedMean, NeverMovesFurtherThanItsSensitivityWhenASiteIsRemoved) {
  constexpr double kClip = 0.5;
  std::mt19937 random(6);
  for (const bool constant : {false, true}) {
    Settings settings;
    if (constant) settings.set("denominator", 100.0);
    double closest = 0;
    for (int trial = 0; trial < 300; ++trial) {
      auto contributions = random_contributions(2 + static_cast<int>(random() % 5), 3,
                                                static_cast<unsigned>(random()));
      for (auto& each : contributions) {
        if (trial % 2) each.values = {1, 0, 0};
        double norm = 0;
        for (const float value : each.values) norm += double(value) * value;
        for (float& value : each.values)
          value = static_cast<float>(value * kClip / std::sqrt(norm));
      }
      if (trial % 2) contributions.back().values[0] *= -1;
      std::vector<double> weights;
      for (const auto& each : contributions) weights.push_back(each.weight);
      const double bound = *WeightedMean(settings).sensitivity(kClip, weights);
      const Values with = mean_of(contributions, settings);
      contributions.pop_back();
      const Values without = mean_of(contributions, settings);
      double change = 0;
      for (int i = 0; i < 3; ++i) change += std::pow(double(with[i]) - without[i], 2);
      EXPECT_LE(std::sqrt(change), bound * (1 + 1e-6));
      closest = std::max(closest, std::sqrt(change) / bound);
    }
    EXPECT_GT(closest, 0.9);  // the bound is reached, not merely safe
  }
}

TEST(WeightedMean, HasNoSensitivityForAnEmptyOrImpossibleRound) {
  const WeightedMean mean(Settings{});
  EXPECT_FALSE(mean.sensitivity(1.0, {}).has_value());
  EXPECT_FALSE(mean.sensitivity(1.0, std::vector<double>{1, -1}).has_value());
  EXPECT_FALSE(mean.sensitivity(std::nan(""), std::vector<double>{1, 1}).has_value());
}

}  // namespace
}  // namespace collegium
