#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "privacy/accountant.h"
#include "privacy/reference.h"

namespace collegium {
namespace {

PrivacyEvent sampled(double noise, double rate, std::int64_t count = 1) {
  return {.kind = PrivacyEvent::Kind::sampled_gaussian,
          .noise_multiplier = noise,
          .sampling_rate = rate,
          .count = count};
}

TEST(RenyiDivergence, OfASampledGaussianAgreesWithHighPrecisionIntegration) {
  for (const auto& c : reference_cases("accountant_components.json", "rdp_poisson_gaussian")) {
    const double order = number(c["alpha"]), exact = number(c["exact"]);
    const double ours = rdp(sampled(number(c["sigma"]), number(c["q"])), {&order, 1})[0];
    EXPECT_NEAR(ours, exact, 1e-7 * exact + 1e-13) << c;
    EXPECT_GE(ours, exact * (1.0 - 1e-12)) << "below the truth: " << c;
  }
}

TEST(RenyiDivergence, AddsUpOverReleases) {
  const auto& orders = default_orders();
  const auto once = rdp(sampled(1.3, 0.05), orders), many = rdp(sampled(1.3, 0.05, 700), orders);
  for (std::size_t i = 0; i < orders.size(); ++i)
    EXPECT_NEAR(many[i], 700.0 * once[i], 1e-12 * many[i]);
}

TEST(RenyiDivergence, IsNoLargerThanWithoutSamplingAtAnyOrder) {
  for (const double noise : {0.05, 0.3, 1.0, 7.0, 1e4, 1e160})
    for (const double rate : {1e-9, 1e-3, 0.3, 0.5, 0.7, 1.0 - 1e-9})
      for (const double order : default_orders()) {
        const double ours = rdp(sampled(noise, rate), {&order, 1})[0];
        EXPECT_GE(ours, 0.0);
        EXPECT_LE(ours, order / (2.0 * noise * noise));
      }
}

TEST(RenyiDivergence, OfAPureEventIsThatOfRandomisedResponse) {
  const PrivacyEvent event{.kind = PrivacyEvent::Kind::pure, .count = 3, .epsilon = 0.7};
  const double p = std::exp(0.7) / (1.0 + std::exp(0.7));
  for (const double order : {1.5, 2.0, 8.0, 64.0}) {
    const double moment = std::pow(p, order) * std::pow(1 - p, 1 - order) +
                          std::pow(1 - p, order) * std::pow(p, 1 - order);
    EXPECT_NEAR(rdp(event, {&order, 1})[0], 3.0 * std::log(moment) / (order - 1.0), 1e-12);
  }
}

TEST(RenyiDivergence, OfAnUnboundedEventIsInfinite) {
  for (const double value : rdp({.kind = PrivacyEvent::Kind::unbounded}, default_orders()))
    EXPECT_TRUE(std::isinf(value));
}

TEST(RenyiConversion, AgreesWithDpAccounting) {
  for (const auto& c : reference_cases("accountant_components.json", "rdp_to_epsilon")) {
    const auto orders = c["orders"].get<std::vector<double>>(),
               curve = c["rdp"].get<std::vector<double>>();
    EXPECT_NEAR(epsilon_from_rdp(orders, curve, number(c["delta"])), number(c["epsilon"]), 1e-12)
        << c;
  }
}

}  // namespace
}  // namespace collegium
