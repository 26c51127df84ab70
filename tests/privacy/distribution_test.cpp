#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <deque>
#include <stdexcept>

#include "privacy/noise.h"
#include "privacy/reference.h"

namespace collegium {
namespace {

// Limits for 1e6 draws at a false alarm of 1e-9; the key is fixed, so a run does not depend on
// luck.
constexpr std::size_t kDraws = 1000000;

std::unique_ptr<NoiseStream> fixed_stream(std::uint64_t id) {
  return NoiseSource::not_private_for_tests({0x5e, 0xed}).stream(NoisePurpose::mechanism, id);
}

double limit(const char* name) {
  return number(read_reference("noise_reference.json").at("limits").at(name));
}

double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

template <class Cdf>
double kolmogorov_distance(std::vector<double> draws, Cdf cdf) {
  std::sort(draws.begin(), draws.end());
  double worst = 0.0;
  const auto n = static_cast<double>(draws.size());
  for (std::size_t i = 0; i < draws.size(); ++i) {
    const double p = cdf(draws[i]);
    worst = std::max({worst, p - i / n, (i + 1) / n - p});
  }
  return worst;
}

template <class Cdf>
double chi_square(const std::vector<double>& draws, Cdf cdf) {
  std::vector<double> bins(64, 0.0);
  for (const double x : draws)
    ++bins[std::min<std::size_t>(63, static_cast<std::size_t>(64.0 * cdf(x)))];
  const double expected = static_cast<double>(draws.size()) / 64.0;
  double sum = 0.0;
  for (const double count : bins) sum += (count - expected) * (count - expected) / expected;
  return sum;
}

struct Moments {
  double mean = 0.0, variance = 0.0, kurtosis = 0.0;
};

Moments moments(const std::vector<double>& draws) {
  Moments m;
  for (const double x : draws) m.mean += x;
  m.mean /= static_cast<double>(draws.size());
  double fourth = 0.0;
  for (const double x : draws) {
    const double square = (x - m.mean) * (x - m.mean);
    m.variance += square;
    fourth += square * square;
  }
  m.variance /= static_cast<double>(draws.size());
  m.kurtosis = fourth / static_cast<double>(draws.size()) / (m.variance * m.variance);
  return m;
}

void expect_normal_moments(const std::vector<double>& draws) {
  const Moments m = moments(draws);
  const auto ratio = read_reference("noise_reference.json").at("limits").at("variance_ratio_limit");
  EXPECT_LT(std::abs(m.mean), limit("mean_limit_in_sigma"));
  EXPECT_GT(m.variance, number(ratio[0]));
  EXPECT_LT(m.variance, number(ratio[1]));
  EXPECT_LT(m.kurtosis, limit("kurtosis_limit"));
  EXPECT_GT(m.kurtosis, 6.0 - limit("kurtosis_limit"));
}

TEST(NormalDraws, AreNormal) {
  const auto stream = fixed_stream(1);
  std::vector<double> draws(kDraws);
  for (double& x : draws) x = stream->normal();
  expect_normal_moments(draws);
  EXPECT_LT(kolmogorov_distance(draws, normal_cdf), limit("ks_critical"));
  EXPECT_LT(chi_square(draws, normal_cdf), limit("chi2_limit"));
}

TEST(NoiseOnAVector, IsNormalUpToItsGrid) {
  constexpr double sigma = 1.5, grid = 0x1p-6;
  std::vector<float> x(kDraws, 0.0f);
  add_gaussian_noise(std::span<float>(x), sigma, *fixed_stream(2));
  std::vector<double> draws(x.begin(), x.end());
  for (double& value : draws) value /= sigma;
  expect_normal_moments(draws);
  // A grid value k g stands for the cell ((k - 1/2) g, (k + 1/2) g): compare the distribution at
  // the cells' edges.
  std::sort(x.begin(), x.end());
  double worst = 0.0;
  for (std::size_t i = 0; i + 1 < x.size(); ++i)
    if (x[i] != x[i + 1])
      worst =
          std::max(worst, std::abs((i + 1.0) / kDraws - normal_cdf((x[i] + 0.5 * grid) / sigma)));
  EXPECT_LT(worst, limit("ks_critical"));
}

TEST(NoiseOnAVector, DoesNotRepeatFromNeighbourToNeighbour) {
  std::vector<float> x(kDraws, 0.0f);
  add_gaussian_noise(std::span<float>(x), 1.0, *fixed_stream(3));
  for (const std::size_t lag : {1u, 2u, 8u, 16u, 4096u}) {
    double sum = 0.0;
    for (std::size_t i = 0; i + lag < x.size(); ++i) sum += double{x[i]} * x[i + lag];
    EXPECT_LT(std::abs(sum) / std::sqrt(static_cast<double>(kDraws - lag)), 6.2)
        << lag;  // 6.2 sigma: 1e-9
  }
}

TEST(LaplaceDraws, AreLaplace) {
  const auto stream = fixed_stream(4);
  std::vector<double> draws(kDraws);
  for (double& x : draws) x = stream->laplace(0.25);
  const auto cdf = [](double x) {
    return x < 0 ? 0.5 * std::exp(x / 0.25) : 1.0 - 0.5 * std::exp(-x / 0.25);
  };
  EXPECT_LT(kolmogorov_distance(draws, cdf), limit("ks_critical"));
  EXPECT_LT(chi_square(draws, cdf), limit("chi2_limit"));
}

TEST(UniformDraws, AreUniformAndNeverZero) {
  const auto stream = fixed_stream(5);
  std::vector<double> draws(kDraws);
  for (double& x : draws) x = stream->uniform();
  const auto cdf = [](double x) { return x; };
  EXPECT_GT(*std::min_element(draws.begin(), draws.end()), 0.0);
  EXPECT_LE(*std::max_element(draws.begin(), draws.end()), 1.0);
  EXPECT_LT(kolmogorov_distance(draws, cdf), limit("ks_critical"));
  EXPECT_LT(chi_square(draws, cdf), limit("chi2_limit"));
}

TEST(SystemWords, AreBalancedInEveryBit) {
  const auto stream = NoiseSource::system().stream(NoisePurpose::mechanism, 0);
  std::vector<std::uint32_t> words(kDraws);
  stream->words(words);
  for (int bit = 0; bit < 32; ++bit) {
    std::size_t ones = 0;
    for (const std::uint32_t word : words) ones += word >> bit & 1;
    EXPECT_NEAR(static_cast<double>(ones) / kDraws, 0.5, 6.5 * 0.5 / std::sqrt(kDraws)) << bit;
  }
}

// Plays back chosen words.
class Playback final : public SecureRandom {
 public:
  explicit Playback(std::vector<std::uint64_t> draws) : draws_(draws.begin(), draws.end()) {}
  void words(std::span<std::uint32_t> out) override {
    ASSERT_EQ(out.size(), 2u);
    ASSERT_FALSE(draws_.empty());
    out[0] = static_cast<std::uint32_t>(draws_.front());
    out[1] = static_cast<std::uint32_t>(draws_.front() >> 32);
    draws_.pop_front();
  }
  std::size_t left() const { return draws_.size(); }

 private:
  std::deque<std::uint64_t> draws_;
};

TEST(Below, RedrawsWhatWouldFavourSmallResults) {
  const std::uint64_t bound = std::uint64_t{3}
                              << 62;  // 2^64 leaves 2^62 over: draws under that must not count
  Playback random({0, (std::uint64_t{1} << 62) - 1, (std::uint64_t{1} << 62) + 5, 99});
  EXPECT_EQ(random.below(bound), (std::uint64_t{1} << 62) + 5);
  EXPECT_EQ(random.left(), 1u);
}

TEST(Below, IsUniformOverItsRange) {
  const auto stream = fixed_stream(6);
  std::vector<double> draws(kDraws);
  for (double& x : draws) x = (static_cast<double>(stream->below(64)) + 0.5) / 64.0;
  EXPECT_LT(chi_square(draws, [](double x) { return x; }), limit("chi2_limit"));
}

TEST(Below, KnowsItsEnds) {
  Playback random({~std::uint64_t{0}, ~std::uint64_t{0}});
  EXPECT_EQ(random.below(1), 0u);
  EXPECT_EQ(random.below(std::uint64_t{1} << 63), (std::uint64_t{1} << 63) - 1);
  EXPECT_THROW(random.below(0), std::invalid_argument);
}

TEST(Uniform, ReachesOneButNotZero) {
  Playback random({0, ~std::uint64_t{0}});
  EXPECT_EQ(random.uniform(), 0x1p-64);
  EXPECT_EQ(random.uniform(), 1.0);
}

TEST(Randomness, IsNotPrivateUnlessItSaysSo) { EXPECT_FALSE(Playback({}).is_private()); }

}  // namespace
}  // namespace collegium
