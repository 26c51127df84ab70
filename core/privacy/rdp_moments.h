#pragma once
#include <functional>
#include <vector>

namespace collegium {

// Log moments of the likelihood ratio, log E_Q[(P/Q)^a] = (a - 1) D_a(P || Q), of single releases.
// For each the larger of both directions of a pair of neighbours, from above.
using LogMoment = std::function<double(int)>;  // at an integer order of at least 2

// A Poisson sample under noise that is symmetric (x -> s - x exchanges a pair of neighbours s
// apart), at an integer order: the sum over k of C(a,k) (1-q)^(a-k) q^k E[(P/Q)^k] (Mironov, Talwar
// and Zhang 2019, Thm. 5 and 3.3). The binomial weights sum to 1, so the excess over 1 is summed
// instead and keeps its digits. 0 < q < 1.
double sampled_log_moment(double q, int order, const LogMoment& unsampled);

// A log moment is convex in the order and 0 at order 1, so that the chord between integer orders is
// an upper bound.
double between_integers(double order, const LogMoment& at_integer);

// A Poisson sample under Gaussian noise z, at integer and fractional orders.
double sampled_gaussian_log_moment(double q, double z, double order);

// A sample of fixed size without replacement, a share 0 < q < 1 of all, under Gaussian noise z
// relative to the sensitivity for replacing one unit; at integer orders (Wang, Balle and
// Kasiviswanathan 2019, Thm. 27).
class FixedSizeGaussian {
 public:
  FixedSizeGaussian(double q, double z);
  double log_moment(int order);

 private:
  double even_central_moment(int half);  // log E[(P/Q - 1)^(2 half)]

  double log_q_, z_;
  std::vector<double> even_;  // what has been asked for
};

// Laplace noise of this scale / sensitivity (Mironov 2017, Prop. 6).
double laplace_log_moment(double scale, double order);

// Randomised response is the worst pure mechanism (Kairouz, Oh and Viswanath 2015).
double pure_log_moment(double epsilon, double order);

}  // namespace collegium
