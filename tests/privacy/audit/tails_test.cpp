#include "privacy/audit/tails.h"

#include <gtest/gtest.h>

#include <cmath>

#include "privacy/reference.h"

namespace collegium {
namespace {

constexpr const char* kReference = "audit_tails_reference.json";

void expect_close(double ours, double theirs, const nlohmann::json& where) {
  EXPECT_NEAR(ours, theirs, 1e-8 * std::abs(theirs)) << where;
}

TEST(Tails, OfTheNormalAreThoseOfSciPy) {
  for (const auto& c : reference_cases(kReference, "normal_above"))
    expect_close(normal_above(c[0]), c[1], c);
  for (const auto& c : reference_cases(kReference, "normal_quantile"))
    EXPECT_NEAR(normal_quantile(c[0]), number(c[1]), 1e-9) << c;
  EXPECT_EQ(normal_quantile(0.0), -INFINITY);
  EXPECT_EQ(normal_quantile(1.0), INFINITY);
}

TEST(Tails, OfChiSquareAreThoseOfSciPy) {
  for (const auto& c : reference_cases(kReference, "chi_square")) {
    expect_close(chi_square_above(c[0], c[1]), c[2], c);
    expect_close(chi_square_below(c[0], c[1]), c[3], c);
  }
}

TEST(Tails, OfTheBinomialAreThoseOfSciPy) {
  for (const auto& c : reference_cases(kReference, "binomial")) {
    expect_close(binomial_at_least(c[0], c[1], c[2]), c[3], c);
    expect_close(binomial_at_most(c[0], c[1], c[2]), c[4], c);
  }
}

TEST(Tails, OfKolmogorovAreThoseOfSciPy) {
  for (const auto& c : reference_cases(kReference, "kolmogorov_above"))
    EXPECT_NEAR(kolmogorov_above(c[0], c[1]), number(c[2]), 1e-8 * number(c[2]) + 1e-12) << c;
}

TEST(ClopperPearson, IsThatOfSciPy) {
  for (const auto& c : reference_cases(kReference, "clopper_pearson_upper"))
    expect_close(clopper_pearson_upper(c[0], c[1], c[2]), c[3], c);
}

}  // namespace
}  // namespace collegium
