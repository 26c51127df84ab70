#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "collegium/error.h"
#include "plugin/fixture.h"
#include "plugin/loader.h"

namespace collegium {
namespace {

using Values = std::vector<float>;

class CoordinateMedian : public testing::Test {
 protected:
  void SetUp() override { load_plugin(registry, plugin("coordinate_median")); }
  std::unique_ptr<Aggregator> make() const {
    return registry.make_aggregator("coordinate_median", Settings{});
  }
  Values median(const std::vector<Values>& updates) const {
    const auto aggregator = make();
    for (const Values& values : updates)
      aggregator->accumulate({.values = values, .weight = 1, .site = "a"});
    Values delta(updates.front().size());
    aggregator->finish(delta);
    return delta;
  }
  Registry registry;
};

std::vector<Values> random_updates(std::size_t sites, std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<Values> updates(sites, Values(size));
  for (Values& values : updates) {
    for (float& value : values) value = random() % 8 == 0 ? 0.0F : normal(random);  // with ties
  }
  return updates;
}

TEST_F(CoordinateMedian, IsTheMiddleValueOrTheMeanOfTheMiddleTwo) {
  EXPECT_EQ(median({{3}, {-1}, {100}}), Values{3});
  EXPECT_EQ(median({{3}, {-1}, {100}, {5}}), Values{4});
  EXPECT_EQ(median({{7, 1}}), (Values{7, 1}));
  EXPECT_EQ(median({{3e38F}, {3e38F}}), Values{3e38F});
}

TEST_F(CoordinateMedian, AgreesWithSortingForAnyNumberOfSites) {
  for (std::size_t sites = 1; sites <= 40; ++sites) {
    const std::size_t size = sites % 3 ? 1000 : 37;  // across blocks, and less than one
    const auto updates = random_updates(sites, size, static_cast<unsigned>(sites));
    const Values delta = median(updates);
    for (std::size_t i = 0; i < size; ++i) {
      Values column;
      for (const Values& values : updates) column.push_back(values[i]);
      std::sort(column.begin(), column.end());
      ASSERT_EQ(delta[i], 0.5F * column[(sites - 1) / 2] + 0.5F * column[sites / 2])
          << sites << " sites, value " << i;
    }
  }
}

TEST_F(CoordinateMedian, StaysAmongTheHonestSitesWhenFewerThanHalfLie) {
  auto updates = random_updates(13, 500, 99);
  Values low(500, 1e30F), high(500, -1e30F);
  for (std::size_t k = 0; k < 7; ++k) {
    for (std::size_t i = 0; i < 500; ++i) {
      low[i] = std::min(low[i], updates[k][i]);
      high[i] = std::max(high[i], updates[k][i]);
    }
  }
  for (std::size_t k = 7; k < 13; ++k)
    std::fill(updates[k].begin(), updates[k].end(), k % 2 ? 1e30F : 1e29F);
  const Values delta = median(updates);
  for (std::size_t i = 0; i < 500; ++i) {
    EXPECT_GE(delta[i], low[i]);
    EXPECT_LE(delta[i], high[i]);
  }
}

TEST_F(CoordinateMedian, MergesIntoTheMedianOfAll) {
  const auto updates = random_updates(6, 100, 5);
  const auto left = make(), right = make();
  for (std::size_t k = 0; k < 6; ++k)
    (k < 2 ? left : right)->accumulate({.values = updates[k], .weight = 1, .site = "a"});
  left->merge(*right);
  Values delta(100);
  left->finish(delta);
  EXPECT_EQ(delta, median(updates));
}

TEST_F(CoordinateMedian, ClaimsNeitherLinearityNorASensitivity) {
  EXPECT_FALSE(make()->traits().linear);
  EXPECT_TRUE(make()->traits().retains_updates);
  EXPECT_FALSE(make()->sensitivity(1.0, std::vector<double>{1, 1}).has_value());
}

TEST_F(CoordinateMedian, RefusesUpdatesOfDifferentSizesAndAnEmptyRound) {
  Values delta(3);
  EXPECT_THROW(make()->finish(delta), ConfigError);
  const auto aggregator = make();
  aggregator->accumulate({.values = delta, .weight = 1, .site = "a"});
  EXPECT_THROW(aggregator->accumulate({.values = Values(4), .weight = 1, .site = "b"}),
               ConfigError);
}

}  // namespace
}  // namespace collegium
