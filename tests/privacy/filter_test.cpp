// Filters for releases that are chosen one after the other.
#include "privacy/filter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "privacy/accountant.h"

namespace collegium {
namespace {

using Kind = PrivacyEvent::Kind;

PrivacyEvent gaussian(double noise, std::int64_t count = 1) {
  return {.kind = Kind::gaussian, .noise_multiplier = noise, .count = count};
}

// A Gaussian release of noise multiplier z has Renyi divergence a / (2 z^2) at order a, and they
// add up: Canonne, Kamath and Steinke 2020, Prop. 12, by hand.
TEST(RenyiFilter, AddsUpDivergencesAtItsOrder) {
  const std::vector<PrivacyEvent> events{gaussian(10, 4), gaussian(5)};
  const double order = 8, delta = 1e-5;
  const double divergence = 4 * order / 200 + order / 50;
  const double expected =
      divergence + std::log(1 - 1 / order) - (std::log(delta) + std::log(order)) / (order - 1);
  EXPECT_NEAR(filter_epsilon(events, order, delta), expected, 1e-12);
  EXPECT_EQ(filter_epsilon({}, order, delta), 0.0);
}

TEST(RenyiFilter, IsNeverBelowTheExactCurveAtAnyOrder) {
  const PrivacyEvent event = gaussian(5);
  for (const double order : default_orders())
    if (order > 1.01)
      EXPECT_GE(filter_epsilon({&event, 1}, order, 1e-5), gaussian_epsilon(0.2, 1e-5)) << order;
}

// What an approximate event leaves out with probability delta adds up whatever is chosen next.
TEST(RenyiFilter, TakesTheDeltasOfApproximateEventsFromTheBudgets) {
  const PrivacyEvent event{.kind = Kind::approximate, .count = 4, .epsilon = 0.1, .delta = 1e-6};
  const PrivacyEvent pure{.kind = Kind::pure, .count = 4, .epsilon = 0.1};
  EXPECT_DOUBLE_EQ(filter_epsilon({&event, 1}, 12, 1e-5), filter_epsilon({&pure, 1}, 12, 6e-6));
  EXPECT_TRUE(std::isinf(filter_epsilon({&event, 1}, 12, 4e-6)));
}

// The order is that at which the schedule may be repeated most often: no other order takes more.
TEST(FilterOrder, LeavesRoomForTheMostRepetitions) {
  const double delta = 1e-5, budget = 4;
  for (const PrivacyEvent& event : {gaussian(20), gaussian(6),
                                    PrivacyEvent{.kind = Kind::sampled_gaussian,
                                    .noise_multiplier = 1.2,
                                    .sampling_rate = 0.05,
                                    .count = 20}}) {
    const auto repetitions = [&](double order) {
      std::int64_t count = 0;
      for (std::int64_t step = 1 << 20; step > 0; step /= 2) {
        PrivacyEvent many = event;
        many.count = event.count * (count + step);
        if (filter_epsilon({&many, 1}, order, delta) <= budget) count += step;
      }
      return count;
    };
    const std::int64_t ours = repetitions(filter_order({&event, 1}, delta, budget));
    EXPECT_GT(ours, 1);
    for (const double order : default_orders())
      if (order > 1.01) EXPECT_LE(repetitions(order), ours) << order;
  }
}

TEST(FilterOrder, WithoutABudgetIsBestForTheEventsThemselves) {
  const PrivacyEvent event = gaussian(2, 10);
  const double ours = filter_epsilon({&event, 1}, filter_order({&event, 1}, 1e-3, {}), 1e-3);
  for (const double order : default_orders())
    EXPECT_GE(filter_epsilon({&event, 1}, order, 1e-3), ours) << order;
}

TEST(FilterOrder, IsSomeNumberAlsoWhereNothingFits) {
  const PrivacyEvent unbounded{.kind = Kind::unbounded};
  EXPECT_GT(filter_order({&unbounded, 1}, 1e-5, 1.0), 1.0);
  const PrivacyEvent loud = gaussian(0.01);
  EXPECT_GT(filter_order({&loud, 1}, 1e-5, 1e-6), 1.0);
}

}  // namespace
}  // namespace collegium
