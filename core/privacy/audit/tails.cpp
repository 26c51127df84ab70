#include "privacy/audit/tails.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace collegium {
namespace {

constexpr double kPrecision = 1e-15;
constexpr int kMostTerms = 1000000;  // far more than the square root of any size we meet

// Continued fraction b1 + a2 / (b2 + a3 / (b3 + ...)) by Lentz's method; `term(k)` gives {a, b}.
template <class Term>
double continued_fraction(double first, Term term) {
  const double tiny = std::numeric_limits<double>::min() / kPrecision;
  double value = first == 0.0 ? tiny : first, c = value, d = 0.0;
  for (int k = 1; k < kMostTerms; ++k) {
    const auto [a, b] = term(k);
    d = b + a * d;
    c = b + a / c;
    d = 1.0 / (d == 0.0 ? tiny : d);
    if (c == 0.0) c = tiny;
    value *= c * d;
    if (std::abs(c * d - 1.0) < kPrecision) break;
  }
  return value;
}

struct Fraction {
  double a, b;
};

struct Tails {
  double below, above;
};

// The regularised incomplete gamma functions P(a, x) and Q(a, x): a series below the mean, a
// continued fraction above it (Abramowitz and Stegun 6.5.29 and 6.5.31).
Tails incomplete_gamma(double a, double x) {
  if (x <= 0.0) return {0.0, 1.0};
  const double scale = std::exp(a * std::log(x) - x - std::lgamma(a));
  if (x < a + 1.0) {
    double term = 1.0 / a, sum = term;
    for (double n = a + 1.0; term > sum * kPrecision; ++n) sum += term *= x / n;
    const double below = std::min(1.0, scale * sum);
    return {below, 1.0 - below};
  }
  const double above = scale / continued_fraction(x + 1.0 - a, [&](int k) {
                         return Fraction{-k * (k - a), x + 2.0 * k + 1.0 - a};
                       });
  return {1.0 - std::min(1.0, above), std::min(1.0, above)};
}

// The regularised incomplete beta function I_x(a, b) and 1 - I_x(a, b) (Abramowitz and Stegun
// 26.5.8).
Tails incomplete_beta(double a, double b, double x) {
  if (x <= 0.0) return {0.0, 1.0};
  if (x >= 1.0) return {1.0, 0.0};
  if (x > (a + 1.0) / (a + b + 2.0)) {
    const Tails mirrored = incomplete_beta(b, a, 1.0 - x);
    return {mirrored.above, mirrored.below};
  }
  const double scale = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x)) /
                       a;
  const double fraction = continued_fraction(1.0, [&](int k) {
    const int m = k / 2;
    const double numerator = k % 2 == 1
                                 ? -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
                                 : m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    return Fraction{numerator, 1.0};
  });
  const double below = std::min(1.0, scale / fraction);
  return {below, 1.0 - below};
}

// The x in [low, high] where the increasing `f` passes `target`.
template <class Function>
double invert(Function f, double target, double low, double high) {
  for (int i = 0; i < 200 && std::nextafter(low, high) < high; ++i) {
    const double middle = 0.5 * (low + high);
    (f(middle) < target ? low : high) = middle;
  }
  return high;
}

}  // namespace

double normal_above(double x) { return 0.5 * std::erfc(x / std::numbers::sqrt2); }

double normal_quantile(double p) {
  if (p <= 0.0) return -std::numeric_limits<double>::infinity();
  if (p >= 1.0) return std::numeric_limits<double>::infinity();
  return invert([](double x) { return normal_above(-x); }, p, -40.0, 40.0);
}

double chi_square_above(double x, double freedom) {
  return incomplete_gamma(0.5 * freedom, 0.5 * x).above;
}

double chi_square_below(double x, double freedom) {
  return incomplete_gamma(0.5 * freedom, 0.5 * x).below;
}

double binomial_at_least(std::int64_t k, std::int64_t n, double p) {
  if (k <= 0) return 1.0;
  if (k > n) return 0.0;
  return incomplete_beta(static_cast<double>(k), static_cast<double>(n - k + 1), p).below;
}

double binomial_at_most(std::int64_t k, std::int64_t n, double p) {
  if (k < 0) return 0.0;
  if (k >= n) return 1.0;
  return incomplete_beta(static_cast<double>(k + 1), static_cast<double>(n - k), p).above;
}

double clopper_pearson_upper(std::int64_t k, std::int64_t n, double alpha) {
  if (k >= n) return 1.0;
  return invert([&](double p) { return -binomial_at_most(k, n, p); }, -alpha, 0.0, 1.0);
}

double kolmogorov_above(double distance, double n) {
  const double x = distance * std::sqrt(n);
  if (x < 0.2) return 1.0;  // to twelve digits
  double sum = 0.0;
  for (int k = 1; k <= 100; ++k) {
    const double term = std::exp(-2.0 * k * k * x * x);
    sum += k % 2 == 1 ? term : -term;
    if (term < kPrecision * sum) break;
  }
  return std::clamp(2.0 * sum, 0.0, 1.0);
}

}  // namespace collegium
