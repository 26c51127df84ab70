#include "collegium/conformance.h"

// What every aggregator has to keep: about thirty checks, listed in collegium/conformance.h.
COLLEGIUM_CONFORMANCE(my_aggregator, .settings = "trim = 0.2", .refused = {"trim = 0.5"});

// What this one is for.
TEST(MyAggregator, LeavesOutTheLargestAndTheSmallestValue) {
  const collegium::conformance::Offers offers(COLLEGIUM_PLUGIN_FILE);
  const auto aggregator = offers.aggregators.front().second(collegium::Settings{});
  const std::vector<std::vector<float>> updates{{1}, {1e9F}, {2}, {-1e9F}, {6}};
  for (const auto& values : updates) aggregator->accumulate({.values = values, .site = "a"});
  std::vector<float> delta(1);
  aggregator->finish(delta);
  EXPECT_EQ(delta[0], 3.0F);
}
