// Statistical checks draw from fixed test keys, so they cannot fail now and then; the rate in each
// comment is how often a correct implementation would fail under a fresh key.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "../../plugins/sparse_vector/budget.h"
#include "collegium/error.h"
#include "plugin/fixture.h"
#include "plugin/loader.h"
#include "privacy/noise.h"
#include "privacy/reference.h"

namespace collegium {
namespace {

using testing::HasSubstr;
using Values = std::vector<float>;

class SparseVector : public testing::Test {
 protected:
  void SetUp() override { load_plugin(registry, plugin("sparse_vector")); }
  std::unique_ptr<PrivacyMechanism> make(const std::string& toml) const {
    return registry.make_mechanism("sparse_vector", Settings::parse(toml, "f.toml"));
  }
  Values apply(const std::string& toml, Values values, std::int64_t steps = 1,
               const Layout* layout = nullptr) {
    apply(*make(toml), values, steps, layout);
    return values;
  }
  void apply(PrivacyMechanism& mechanism, std::span<float> values, std::int64_t steps = 1,
             const Layout* layout = nullptr) {
    mechanism.apply(values,
                    {.run = "r", .round = 1, .site = "a", .local_steps = steps, .layout = layout},
                    *stream);
  }
  Registry registry;
  std::unique_ptr<SecureRandom> stream =
      NoiseSource::not_private_for_tests(NoiseSource::Key{7}).stream(NoisePurpose::mechanism, 1);
};

std::size_t shared_count(const Values& values) {
  return values.size() - static_cast<std::size_t>(std::count(values.begin(), values.end(), 0.0F));
}

// Kolmogorov's distance of draws from the Laplace distribution of this scale about a centre.
double distance_from_laplace(std::vector<double> draws, double centre, double scale) {
  std::sort(draws.begin(), draws.end());
  double largest = 0;
  for (std::size_t i = 0; i < draws.size(); ++i) {
    const double x = (draws[i] - centre) / scale;
    const double below = x < 0 ? 0.5 * std::exp(x) : 1 - 0.5 * std::exp(-x);
    const double n = static_cast<double>(draws.size());
    largest = std::max({largest, std::abs(below - static_cast<double>(i) / n),
                        std::abs(below - static_cast<double>(i + 1) / n)});
  }
  return largest;
}

TEST(SparseVectorBudget, AgreesWithReferenceSplitsAndScales) {
  for (const auto& each : reference_cases("sparse_vector_reference.json", "cases")) {
    const double c = number(each["c"]);
    const sparse_vector::Epsilons e = sparse_vector::best_split(number(each["eps_total"]), c);
    EXPECT_NEAR(e.threshold, number(each["e1"]), 1e-9 * number(each["e1"]));
    EXPECT_NEAR(e.query, number(each["e2"]), 1e-9 * number(each["e2"]));
    EXPECT_NEAR(e.answer, number(each["e3"]), 1e-9 * number(each["e3"]));
    const sparse_vector::Scales scales =
        sparse_vector::sound_scales(e, c, number(each["D"]), number(each["Da"]));
    EXPECT_NEAR(scales.threshold, number(each["scale_threshold"]), 1e-9 * scales.threshold);
    EXPECT_NEAR(scales.query, number(each["scale_query"]), 1e-9 * scales.query);
    EXPECT_NEAR(scales.answer, number(each["scale_answer"]), 1e-9 * scales.answer);
  }
}

// With noise Lap(2 gamma), values of +-2, 5 and 10 gamma that are cut only afterwards.
TEST(SparseVectorBudget, KnowsWhatCuttingAfterTheNoiseCosts) {
  EXPECT_NEAR(sparse_vector::published_answer_cost(2, 1, 2), 1.83, 0.005);
  EXPECT_NEAR(sparse_vector::published_answer_cost(5, 1, 2), 3.62, 0.005);
  EXPECT_NEAR(sparse_vector::published_answer_cost(10, 1, 2), 6.19, 0.005);
  EXPECT_NEAR(sparse_vector::published_answer_cost(1, 1, 2), 2 * 1 / 2.0,
              1e-12);  // cut first: 2 gamma / b
  EXPECT_GT(sparse_vector::published_answer_cost(1e6, 1, 2), 1e5);
}

TEST_F(SparseVector, ChargesTheSumOfItsThreeEpsilons) {
  const PrivacyEvent whole = make("epsilon = 2.0\ncount = 5")->event({});
  EXPECT_EQ(whole.kind, PrivacyEvent::Kind::pure);
  EXPECT_EQ(whole.epsilon, 2.0);
  EXPECT_EQ(whole.count, 1);
  EXPECT_DOUBLE_EQ(
      make("epsilon_threshold = 0.5\nepsilon_query = 0.25\nepsilon_answer = 1.0\nfraction = 0.1")
          ->event({})
          .epsilon,
      1.75);
}

// Answers that are hardly noised cannot come out as zero, so values other than zero are those that
// were shared.
constexpr const char* kExactAnswers =
    "epsilon_answer = 1e9\nepsilon_threshold = 1.0\nepsilon_query = 1.0\ngamma = 1.0\n";

TEST_F(SparseVector, StopsAtExactlyTheCount) {
  const std::string open = kExactAnswers + std::string("tau = -1e9\n");
  for (const int count : {1, 7, 500, 1000}) {
    EXPECT_EQ(shared_count(apply(open + "count = " + std::to_string(count), Values(1000, 1.0F))),
              static_cast<std::size_t>(count));
  }
  EXPECT_EQ(shared_count(apply(open + "fraction = 0.25", Values(1000, 1.0F))), 250u);
  EXPECT_EQ(shared_count(apply(open + "count = 5000", Values(1000, 1.0F))), 1000u);
}

TEST_F(SparseVector, SharesNothingWhenTheThresholdIsOutOfReach) {
  EXPECT_EQ(shared_count(apply("epsilon = 1.0\ntau = 1e9\ncount = 10", Values(1000, 1.0F))), 0u);
  EXPECT_EQ(shared_count(apply(
                "variant = \"paper\"\nepsilon_query = 1\nepsilon_answer = 1\ntau = 1e9\ncount = 10",
                Values(1000, 1.0F))),
            0u);
}

TEST_F(SparseVector, FindsTheLargeValuesWhenTheBudgetAllowsIt) {
  Values values(10000, 0.0F);
  for (std::size_t i = 0; i < 10; ++i) values[1000 * i + 17] = i % 2 ? 1.0F : -1.0F;
  const Values shared = apply("epsilon = 1000000\ngamma = 1.0\ntau = 0.5\ncount = 10", values);
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(shared[i], values[i], 0.01) << i;
}

// 20,000 draws; false alarm 2 exp(-2 n d^2) < 1e-7 at d = 0.0211.
TEST_F(SparseVector, AnswersWithFreshLaplaceNoiseOfTheStatedScale) {
  const std::string toml =
      "gamma = 2.0\ntau = -1e9\ncut_answers = false\ncount = 50\n"
      "epsilon_threshold = 1.0\nepsilon_query = 1.0\nepsilon_answer = 4.0\n";
  const auto mechanism = make(toml);
  std::vector<double> answers;
  for (int i = 0; i < 400; ++i) {
    Values values(50, 30.0F);  // 3 a step, cut to 2
    apply(*mechanism, values, 10);
    for (const float value : values) answers.push_back(static_cast<double>(value) / 10);
  }
  const double scale = 50 * (2 * 2.0) / 4.0;
  EXPECT_LT(distance_from_laplace(answers, 2.0, scale), 0.0211);
  EXPECT_GT(distance_from_laplace(answers, 2.0, 0.9 * scale), 0.0211);  // the test can tell a tenth
}

// One value, one comparison: |x| + Lap(2 gamma / e2) >= tau + Lap(gamma / e1). 40,000 trials; a
// binomial share strays 0.014 from its mean with probability below 2 exp(-2 n 0.014^2) = 3.1e-7.
TEST_F(SparseVector, ComparesWithNoiseOfTheStatedScales) {
  const auto mechanism = make(
      "gamma = 1.0\ntau = 1.5\ncount = 1\nepsilon_threshold = 1.0\nepsilon_query = "
      "4.0\nepsilon_answer = 1e9");
  int won = 0;
  for (int i = 0; i < 40000; ++i) {
    Values one{5.0F};  // cut to 1
    apply(*mechanism, one);
    won += one[0] != 0;
  }
  // P(A - B >= t) for A ~ Lap(a), B ~ Lap(b), t > 0: (a^2 e^(-t/a) - b^2 e^(-t/b)) / (2 (a^2 -
  // b^2)).
  const double a = 0.5, b = 1.0, t = 0.5;
  const double expected =
      (a * a * std::exp(-t / a) - b * b * std::exp(-t / b)) / (2 * (a * a - b * b));
  EXPECT_NEAR(won / 40000.0, expected, 0.014);
}

// Every value is as likely to be visited first: chi-square with 99 degrees of freedom, false alarm
// below 1e-6 at each end.
TEST_F(SparseVector, VisitsValuesInRandomOrder) {
  const auto mechanism = make(kExactAnswers + std::string("tau = -1e9\ncount = 1"));
  std::vector<int> first(100, 0);
  for (int i = 0; i < 20000; ++i) {
    Values values(100, 1.0F);
    apply(*mechanism, values);
    for (std::size_t k = 0; k < 100; ++k) first[k] += values[k] != 0;
  }
  double chi_square = 0;
  for (const int count : first) chi_square += (count - 200.0) * (count - 200.0) / 200.0;
  EXPECT_LT(chi_square, 190);
  EXPECT_GT(chi_square, 40);  // suspiciously even: probability below 1e-8
}

// The choice alone is (threshold + query)-differentially private: the odds of being shared, on
// values at opposite ends, differ by at most e^(that). 200,000 trials each stray 0.009 from their
// mean with probability below 1e-13.
TEST_F(SparseVector, KeepsTheOddsOfBeingSharedWithinItsPromise) {
  const auto mechanism = make(
      "gamma = 1.0\ntau = 0.5\ncount = 1\nepsilon_threshold = 0.5\nepsilon_query = "
      "0.5\nepsilon_answer = 1e9");
  double share[2] = {0, 0};
  for (int input = 0; input < 2; ++input) {
    for (int i = 0; i < 200000; ++i) {
      Values one{input == 0 ? 0.001F : 1.0F};  // 0 itself could not be told from "not shared"
      apply(*mechanism, one);
      share[input] += one[0] != 0 ? 1.0 / 200000 : 0;
    }
  }
  EXPECT_GT(share[1], share[0] + 0.018);
  EXPECT_LT(std::log((share[1] + 0.009) / (share[0] - 0.009)), 1.0);
}

TEST_F(SparseVector, LetsNoValueThroughUnnoisedUncutOrFrozen) {
  Layout layout;
  layout.add("frozen", {100}, false);
  layout.add("trained", {100}, true);
  Values values(200, 123.456F);
  std::fill_n(values.begin(), 100, 0.0F);
  values[150] = std::numeric_limits<float>::quiet_NaN();
  const Values shared =
      apply("epsilon = 1.0\ngamma = 1.0\ntau = -1e9\nfraction = 1.0", values, 3, &layout);
  for (std::size_t i = 0; i < 200; ++i) {
    EXPECT_TRUE(i < 100 ? shared[i] == 0.0F : std::abs(shared[i]) <= 3.0F) << shared[i];
  }
}

// The low bits of a sum of floats tell what was summed; on a grid there are none.
TEST_F(SparseVector, AnswersOnACoarseGrid) {
  const auto mechanism =
      make("gamma = 1.0\ntau = -1e9\ncount = 8\nepsilon = 1.0\ncut_answers = false");
  for (const float input : {0.3F, 0.1F}) {
    Values values(8, input);
    apply(*mechanism, values);
    const double grid = std::exp2(std::floor(std::log2(8 * 2 / 0.5)) - 6);
    for (const float value : values) EXPECT_EQ(std::fmod(static_cast<double>(value), grid), 0.0);
  }
}

TEST_F(SparseVector, SaysThatALargeSelectionIsARandomMask) {
  EXPECT_THAT(make("epsilon = 1.0\nfraction = 0.1")->describe(), HasSubstr("random mask"));
  EXPECT_THAT(make("epsilon = 100.0\ncount = 1")->describe(),
              testing::Not(HasSubstr("random mask")));
}

TEST_F(SparseVector, ShowsTheNominalEpsilonOfThePaperBesideTheTrueOne) {
  const auto mechanism = make(
      "variant = \"paper\"\ncount = 1000\nepsilon_threshold = 2\nepsilon_query = 4\nepsilon_answer "
      "= 8");
  const PrivacyEvent event = mechanism->event({});
  EXPECT_EQ(event.kind, PrivacyEvent::Kind::unbounded);
  EXPECT_THAT(event.reason, HasSubstr("nominal epsilon 14 "));
  EXPECT_THAT(event.reason, HasSubstr("unbounded"));
  EXPECT_THAT(event.reason,
              HasSubstr("cut to gamma first, 11"));  // (2 + 4) gamma / s + 8, with s = 2 gamma
  EXPECT_THAT(mechanism->describe(), HasSubstr("unbounded"));
}

// The configuration that an early public implementation shipped (4,702,227 values, fraction 0.9,
// "epsilon 0.001", noise per value of epsilon 1) with its hidden budgets written out: the reference
// file has the sum.
TEST_F(SparseVector, AddsUpTheHiddenBudgetsOfAShippedConfiguration) {
  const auto legacy = read_reference("sparse_vector_reference.json").at("legacy_nvflare").at(0);
  const double n = number(legacy["n"]);
  const double query = std::pow(2 * n, 2.0 / 3.0) * number(legacy["epsilon"]);
  EXPECT_NEAR(query, number(legacy["hidden_eps2"]), 1e-6);
  const sparse_vector::Epsilons e{number(legacy["epsilon"]), query,
                                  n * number(legacy["noise_var"])};
  EXPECT_NEAR(e.sum(), number(legacy["total_per_round"]), 1e-3 + 0.0011);
  EXPECT_NEAR(sparse_vector::published_scales(e, n, 2e-4).answer,
              2e-4 / number(legacy["noise_var"]), 1e-15);
}

TEST_F(SparseVector, OfThePaperCutsToGammaAndSharesTheAskedFraction) {
  const Values shared = apply(
      "variant = \"paper\"\nfraction = 0.9\nepsilon_query = 1\nepsilon_answer = 1e9\ngamma = 0.5",
      Values(2000, 8.0F), 4);
  EXPECT_EQ(shared_count(shared), 1800u);
  for (const float value : shared) EXPECT_LE(std::abs(value), 2.0F);
}

TEST_F(SparseVector, RefusesSettingsThatLeaveTheBudgetOpen) {
  for (const char* toml :
       {"epsilon = 1.0", "epsilon = 1.0\ncount = 5\nfraction = 0.1", "count = 5",
        "epsilon = 0.0\ncount = 5", "epsilon = -1.0\ncount = 5", "epsilon = inf\ncount = 5",
        "count = 0\nepsilon = 1.0", "count = 5\nepsilon_query = 1.0\nepsilon_answer = 1.0",
        "epsilon = 1.0\ncount = 5\nepsilon_query = 1.0",
        "variant = \"paper\"\nepsilon = 1.0\ncount = 5",
        "variant = \"sond\"\nepsilon = 1.0\ncount = 5", "epsilon = 1.0\ncount = 5\ngamma = 0"}) {
    EXPECT_THROW(make(toml), ConfigError) << toml;
  }
}

}  // namespace
}  // namespace collegium
