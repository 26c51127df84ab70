#pragma once
#include <cstdint>

namespace collegium {

// Tail probabilities for the audit's tests: doubles, good to a relative error of 1e-8 down to
// 1e-300 for up to 10^7 trials or degrees of freedom. Written here because an executable that
// checks itself should not need a mathematics library; the tests hold each to SciPy.

double normal_above(double x);     // P(N > x)
double normal_quantile(double p);  // the x with P(N <= x) = p; infinite at 0 and 1

// P(X > x) and P(X < x) of a chi-square variable. freedom > 0, x >= 0.
double chi_square_above(double x, double freedom);
double chi_square_below(double x, double freedom);

// P(X >= k) and P(X <= k) of a binomial variable with n trials.
double binomial_at_least(std::int64_t k, std::int64_t n, double p);
double binomial_at_most(std::int64_t k, std::int64_t n, double p);

// An upper bound on the probability behind k successes in n trials that is wrong with a probability
// of at most alpha (Clopper and Pearson 1934, one side).
double clopper_pearson_upper(std::int64_t k, std::int64_t n, double alpha);

// P(D > distance) of the Kolmogorov-Smirnov distance of n draws from their own continuous
// distribution, asymptotically (Kolmogorov 1933); distributions on a lattice keep further inside.
double kolmogorov_above(double distance, double n);

}  // namespace collegium
