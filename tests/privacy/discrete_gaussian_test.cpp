#include "privacy/discrete_gaussian.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <numbers>
#include <stdexcept>

#include "collegium/error.h"
#include "privacy/noise.h"
#include "privacy/reference.h"

namespace collegium {
namespace {

// The key is fixed, so a run does not depend on luck. With another key each check below would fail
// by chance with a probability of at most 1e-9.
constexpr std::size_t kDraws = 200000;
const double kLogAlarm = std::log(1e9);

std::unique_ptr<NoiseStream> fixed_stream(std::uint64_t id) {
  return NoiseSource::not_private_for_tests({0xd1, 0x5c}).stream(NoisePurpose::mechanism, id);
}

using Counts = std::map<std::int64_t, double>;
using Mass = std::function<double(std::int64_t)>;

Counts count(std::size_t draws, const std::function<std::int64_t()>& draw) {
  Counts counts;
  for (std::size_t i = 0; i < draws; ++i) ++counts[draw()];
  return counts;
}

double discrete_gaussian_mass(double sigma, std::int64_t k) {
  const auto range = static_cast<std::int64_t>(40.0 * sigma) + 10;
  double sum = 0.0;
  for (std::int64_t j = range; j > 0; --j) sum += 2.0 * std::exp(-0.5 * (j / sigma) * (j / sigma));
  return std::exp(-0.5 * (k / sigma) * (k / sigma)) / (sum + 1.0);
}

Mass table_of(double sigma) {
  std::map<std::int64_t, double> masses;
  const auto range = static_cast<std::int64_t>(12.0 * sigma) + 5;
  const double norm = discrete_gaussian_mass(sigma, 0);
  for (std::int64_t k = -range; k <= range; ++k)
    masses[k] = norm * std::exp(-0.5 * (k / sigma) * (k / sigma));
  return [masses](std::int64_t k) { return masses.count(k) ? masses.at(k) : 0.0; };
}

// Pearson's statistic with neighbours pooled until 25 draws are expected in each bin, against a
// bound that a chi-square variable exceeds with a probability of at most 1e-9 (Laurent and Massart
// 2000, Lemma 1), and the largest distance of the cumulated masses against Massart's bound (1990).
void expect_distribution(const Counts& counts, std::size_t draws, const Mass& mass,
                         std::int64_t range) {
  const auto n = static_cast<double>(draws);
  double seen = 0, expected = 0, statistic = 0, bins = -1, empirical = 0, truth = 0, distance = 0;
  for (std::int64_t k = -range; k <= range; ++k) {
    const double here = counts.count(k) ? counts.at(k) : 0.0;
    seen += here;
    expected += n * mass(k);
    empirical += here / n;
    truth += mass(k);
    distance = std::max(distance, std::abs(empirical - truth));
    if (expected >= 25 && n * (1 - truth) >= 25) {
      statistic += (seen - expected) * (seen - expected) / expected;
      seen = expected = 0;
      ++bins;
    }
  }
  expected += n * (1 - truth);
  seen += n * (1 - empirical);
  statistic += (seen - expected) * (seen - expected) / expected;
  ++bins;
  EXPECT_LT(statistic, bins + 2 * std::sqrt(bins * kLogAlarm) + 2 * kLogAlarm) << bins << " bins";
  EXPECT_LT(distance, std::sqrt((kLogAlarm + std::log(2.0)) / (2 * n)));
}

TEST(BernoulliExp, IsTrueAsOftenAsItSays) {
  std::uint64_t id = 1;
  for (const auto& c : reference_cases("discrete_noise_reference.json", "bernoulli_exp")) {
    const auto stream = fixed_stream(id++);
    const auto numerator = c["num"].get<std::uint64_t>(),
               denominator = c["den"].get<std::uint64_t>();
    const double p = number(c["p"]);
    std::size_t heads = 0;
    for (std::size_t i = 0; i < kDraws; ++i)
      heads += bernoulli_exp(numerator, denominator, *stream);
    EXPECT_NEAR(static_cast<double>(heads), kDraws * p, 6.2 * std::sqrt(kDraws * p * (1 - p))) << c;
  }
}

TEST(BernoulliExp, TakesFractionsBeyond64Bits) {
  const auto stream = fixed_stream(20);
  const Natural unit = Natural{1} << 100;
  std::size_t heads = 0;
  for (std::size_t i = 0; i < kDraws; ++i)
    heads += bernoulli_exp(7 * unit + 5, 3 * unit + 2, *stream);
  const double p = std::exp(-7.0 / 3.0);
  EXPECT_NEAR(static_cast<double>(heads), kDraws * p, 6.2 * std::sqrt(kDraws * p * (1 - p)));
  EXPECT_THROW(bernoulli_exp(1, 0, *stream), std::invalid_argument);
}

TEST(DiscreteLaplace, HasTheMassesOfItsFormula) {
  std::uint64_t id = 30;
  for (const auto& c : reference_cases("discrete_noise_reference.json", "discrete_laplace")) {
    const auto t = c["t"].get<std::uint64_t>();
    const Mass mass = [t](std::int64_t k) {
      const double step = std::exp(1.0 / static_cast<double>(t));
      return (step - 1) / (step + 1) * std::exp(-std::abs(k) / static_cast<double>(t));
    };
    for (const auto& [k, p] : c["pmf"].items())
      EXPECT_NEAR(mass(std::stol(k)) / number(p), 1, 1e-12);
    const auto stream = fixed_stream(id++);
    const auto counts = count(kDraws, [&] { return discrete_laplace(t, *stream); });
    expect_distribution(counts, kDraws, mass, static_cast<std::int64_t>(50 * t));
  }
  EXPECT_THROW(discrete_laplace(0, *fixed_stream(0)), std::invalid_argument);
}

TEST(DiscreteGaussian, HasTheMassesOfItsFormula) {
  const std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> squares = {
      {"0.5", {1, 4}}, {"1", {1, 1}}, {"3", {9, 1}}, {"10.5", {441, 4}}, {"1000", {1000000, 1}}};
  std::uint64_t id = 40;
  for (const auto& c : reference_cases("discrete_noise_reference.json", "discrete_gaussian")) {
    const double sigma = number(c["sigma"]);
    const auto mass = table_of(sigma);
    for (const auto& [k, p] : c["pmf"].items()) EXPECT_NEAR(mass(std::stol(k)), number(p), 1e-14);
    const auto [numerator, denominator] = squares.at(c["sigma"].get<std::string>());
    const DiscreteGaussian noise(numerator, denominator);
    const auto stream = fixed_stream(id++);
    const auto counts = count(kDraws, [&] { return noise.draw(*stream); });
    expect_distribution(counts, kDraws, mass, static_cast<std::int64_t>(12 * sigma) + 5);
    for (const auto& [k, p] : c["cdf"].items()) {
      double below = 0;
      for (const auto& [value, times] : counts) below += value <= std::stol(k) ? times : 0;
      const double q = number(p);
      EXPECT_NEAR(below, kDraws * q, 6.2 * std::sqrt(kDraws * q * (1 - q)) + 1)
          << sigma << " " << k;
    }
  }
}

TEST(DiscreteGaussian, OfAVastVarianceIsNormal) {
  for (const auto& [numerator, denominator] :
       {std::pair{std::uint64_t{1} << 48, std::uint64_t{7}}, {std::uint64_t{1} << 50, 1}}) {
    const double sigma =
        std::sqrt(static_cast<double>(numerator) / static_cast<double>(denominator));
    const DiscreteGaussian noise(numerator, denominator);
    const auto stream = fixed_stream(denominator);
    const auto cell = [&] {  // 64 cells a standard deviation
      return static_cast<std::int64_t>(
          std::floor(static_cast<double>(noise.draw(*stream)) / sigma * 64));
    };
    const auto cdf = [](double x) { return 0.5 * std::erfc(-x / 64 / std::numbers::sqrt2); };
    expect_distribution(
        count(kDraws, cell), kDraws,
        [&](std::int64_t k) { return cdf(k + 1.0) - cdf(static_cast<double>(k)); }, 12 * 64);
  }
}

// What a secure sum rests on: the noises of the sites add up to noise of the whole variance
// (Kairouz, Liu and Steinke 2021: within e^-80 here).
TEST(DiscreteGaussian, AddsUpOverSites) {
  const DiscreteGaussian share(441, 4 * 7);  // a seventh of 10.5^2
  const auto stream = fixed_stream(70);
  const auto sum = [&] {
    std::vector<std::int64_t> one(1, 0);
    for (int site = 0; site < 7; ++site) share.add_to(one, *stream);
    return one[0];
  };
  expect_distribution(count(kDraws / 4, sum), kDraws / 4, table_of(10.5), 130);
}

TEST(DiscreteGaussian, RefusesAVarianceThatItCannotDrawExactly) {
  const std::uint64_t most = std::uint64_t{1} << 50;
  for (const auto& [numerator, denominator] :
       {std::pair{std::uint64_t{0}, std::uint64_t{1}}, {1, 0}, {most + 1, 1}, {1, most + 1}})
    EXPECT_THROW(DiscreteGaussian(numerator, denominator), ConfigError);
  const auto stream = fixed_stream(80);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(DiscreteGaussian(1, most).draw(*stream), 0);
  DiscreteGaussian(most, most).draw(*stream);
}

}  // namespace
}  // namespace collegium
