#pragma once
#include <cstdint>
#include <span>

#include "privacy/audit/trial.h"

namespace collegium {

// Lower bounds on what a mechanism gives away, from what an attacker could tell. Each is wrong with
// a probability of at most `alpha`. They find gross faults only; a bound near 0 proves nothing.

// The largest mu for which the scores contradict mu-Gaussian privacy (Dong, Roth and Su 2022):
// scores of canaries that took part and of canaries that did not, all independent. The threshold is
// chosen on the first half; error rates of the second half are bounded by Clopper and Pearson.
double gaussian_lower_bound(std::span<const double> present, std::span<const double> absent,
                            double alpha);

// Steinke, Nasr and Jagielski 2023, "Privacy auditing with one training run", Theorem 5.2: each of
// `candidates` was present or not by a fair coin; an attacker guessed on `guesses` of them and was
// right `correct` times. The largest epsilon that (epsilon, delta)-privacy contradicts, under
// adding or removing one; 0 if none. The guesses need not be independent.
double one_run_lower_bound(std::int64_t candidates, std::int64_t guesses, std::int64_t correct,
                           double delta, double alpha);

// The best such bound of an attacker who guesses "present" on the highest scores and "absent" on
// the lowest, on several shares of the candidates. `present` holds 0 or 1.
double one_run_lower_bound(std::span<const double> scores, std::span<const char> present,
                           double delta, double alpha);

// Both against DP-SGD. gaussian: one step with everybody in, `runs` times 1000 canaries with ten
// times the bound; the truth is 1 / noise multiplier. one_run: canaries with a fair coin each, over
// `trial.steps` steps; the truth is the accountant's.
double gaussian_audit(const PrivateSteps& steps, double noise_multiplier, std::int64_t runs,
                      double alpha);
double one_run_audit(const PrivateSteps& steps, const Trial& trial, std::int64_t runs, double delta,
                     double alpha);

}  // namespace collegium
