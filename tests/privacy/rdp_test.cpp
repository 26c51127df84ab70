#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

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
        EXPECT_LE(ours, order / (2.0 * noise * noise) * (1 + 1e-12));
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

TEST(RenyiDivergence, OfLaplaceNoiseIsTheClosedForm) {
  for (const auto& c : reference_cases("accountant_components.json", "rdp_laplace")) {
    const double order = number(c["alpha"]), exact = number(c["rdp"]);
    const PrivacyEvent event{.kind = PrivacyEvent::Kind::laplace,
                             .noise_multiplier = number(c["b"])};
    EXPECT_NEAR(rdp(event, {&order, 1})[0], exact, 1e-12) << c;
  }
}

PrivacyEvent fixed_size(double noise, double rate) {
  return {.kind = PrivacyEvent::Kind::fixed_size_gaussian,
          .noise_multiplier = noise,
          .sampling_rate = rate,
          .neighbours = PrivacyEvent::Neighbours::replace_one};
}

TEST(RenyiDivergence, OfASampleOfFixedSizeIsTheTheoremsBound) {
  for (const auto& c : reference_cases("accountant_components.json", "rdp_wor_gaussian")) {
    const double order = number(c["alpha"]), reference = number(c["rdp"]);
    EXPECT_NEAR(rdp(fixed_size(number(c["sigma"]), number(c["q"])), {&order, 1})[0], reference,
                1e-6 * reference)
        << c;
  }
}

TEST(RenyiDivergence, OfASampleOfFixedSizeGrowsWithTheRateUpToThatOfEverybody) {
  for (const double noise : {0.02, 0.5, 3.0, 1e3})
    for (const double order : default_orders()) {
      double last = 0.0;
      for (const double rate : {1e-6, 1e-3, 0.1, 0.9, 1.0}) {
        const double ours = rdp(fixed_size(noise, rate), {&order, 1})[0];
        EXPECT_GE(ours, last * (1 - 1e-12)) << noise << " " << order << " " << rate;
        EXPECT_LE(ours, order / (2 * noise * noise) * (1 + 1e-12));
        last = ours;
      }
    }
}

// log E_Q[(P/Q)^a] of a one-dimensional pair by the trapezoidal rule.
template <class LogP, class LogQ>
double integrated_rdp(double order, const LogP& log_p, const LogQ& log_q) {
  double sum = 0.0;
  const double step = 1e-3;
  for (double x = -34.0; x <= 34.0; x += step)
    sum += std::exp(order * log_p(x) + (1 - order) * log_q(x));
  return std::log(step * sum) / (order - 1.0);
}

TEST(RenyiDivergence, OfASampleUnderLaplaceNoiseIsAboveBothDirectionsAndExactAtIntegerOrders) {
  const double q = 0.2, b = 1.5;
  const auto base = [&](double x) { return -std::abs(x) / b - std::log(2 * b); };
  const auto mixture = [&](double x) {
    return std::log((1 - q) * std::exp(base(x)) + q * std::exp(base(x - 1)));
  };
  const PrivacyEvent event{
      .kind = PrivacyEvent::Kind::laplace, .noise_multiplier = b, .sampling_rate = q};
  for (const double order : {1.3, 2.0, 2.5, 5.0, 16.0}) {
    const double ours = rdp(event, {&order, 1})[0];
    const double removed = integrated_rdp(order, mixture, base);
    EXPECT_GE(ours, removed - 1e-7) << order;
    EXPECT_GE(ours, integrated_rdp(order, base, mixture) - 1e-7) << order;
    if (order == std::floor(order)) {
      EXPECT_NEAR(ours, removed, 1e-6);
    }
  }
}

// Three others at -1 and one unit at +1, batches of at most two: what is released is a mixture of
// Gaussians around the possible sums.
TEST(RenyiDivergence, OfACutBatchIsNotBelowThatOfAWorstCaseCountedByHand) {
  const double q = 0.6, z = 1.5;
  const std::vector<double> others{0.064, 0.288, 0.432, 0.216};  // Binomial(3, 0.6)
  const auto density = [&](const std::vector<std::pair<double, double>>& parts, double x) {
    double sum = 0.0;
    for (const auto& [weight, centre] : parts)
      sum += weight * std::exp(-0.5 * (x - centre) * (x - centre) / (z * z));
    return std::log(sum / (z * std::sqrt(2 * std::acos(-1.0))));
  };
  std::vector<std::pair<double, double>> without, with;
  for (int b = 0; b <= 3; ++b) {
    const double cut = -std::min(b, 2);
    without.emplace_back(others[b], cut);
    const double kept = b < 2 ? 1.0 : 2.0 / (b + 1);
    with.emplace_back(others[b] * q * kept, b < 2 ? 1.0 - b : 0.0);
    with.emplace_back(others[b] * (1 - q * kept), cut);
  }
  PrivacyEvent event = sampled(z, q);
  event.max_batch = 2;
  event.n_public = 4;
  for (const double order : {1.5, 2.0, 4.0}) {
    const auto p = [&](double x) { return density(with, x); };
    const auto r = [&](double x) { return density(without, x); };
    const double ours = rdp(event, {&order, 1})[0];
    EXPECT_GE(ours, integrated_rdp(order, p, r)) << order;
    EXPECT_GE(ours, integrated_rdp(order, r, p)) << order;
    EXPECT_GT(integrated_rdp(order, p, r), rdp(sampled(z, q), {&order, 1})[0])
        << "the cap costs something here, and it has to be counted";
  }
}

TEST(RenyiDivergence, OfABatchThatIsHardlyEverCutIsThatOfAnUncutOne) {
  PrivacyEvent event = sampled(2.0, 0.1);
  event.n_public = 50;
  for (const double order : {1.5, 2.0, 8.0}) {
    const double uncut = rdp(sampled(2.0, 0.1), {&order, 1})[0];
    event.max_batch = 50;
    EXPECT_EQ(rdp(event, {&order, 1})[0], uncut);
    event.max_batch = 40;
    EXPECT_NEAR(rdp(event, {&order, 1})[0], uncut, 1e-9 * uncut);
    event.max_batch = 10;
    EXPECT_GT(rdp(event, {&order, 1})[0], uncut * (1 + 1e-3));
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

TEST(RenyiConversion, OfConcentratedPrivacyIsCloseToTheOptimumOverAllOrders) {
  for (const auto& c : reference_cases("accountant_components.json", "zcdp")) {
    const double rho = number(c["rho"]), exact = number(c["epsilon"]);
    const PrivacyEvent event{.kind = PrivacyEvent::Kind::discrete_gaussian,
                             .noise_multiplier = std::sqrt(0.5 / rho)};
    const double ours = renyi_epsilon({&event, 1}, number(c["delta"]));
    EXPECT_GE(ours, exact * (1 - 1e-9)) << c;
    EXPECT_LE(ours, exact * 1.05 + 1e-3) << c;
  }
}

}  // namespace
}  // namespace collegium
