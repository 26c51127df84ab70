#pragma once
#include <cstdint>

#include "privacy/audit/trial.h"

namespace collegium {

// Seven tests of what DP-SGD's steps must do, each by the p value of the statement that they do. A
// p value is at most p with probability p or less when the statement is true (where several tests
// make one, each counts as often as there are). `repeats`: more find smaller faults.

// On patients without a gradient, what is released is noise alone: `steps` rows of `width`.
class PureNoise {
 public:
  PureNoise(const PrivateSteps& steps, std::int64_t width, std::int64_t count);

  // Its size is z C: chi-square of all of it, of 50 parts of the model and of each coordinate.
  double scale() const;
  // Its distribution is the normal rounded to the grid of privacy/noise.h: Kolmogorov-Smirnov.
  double normality() const;
  // No two steps, and no two halves of the model, share it: correlations.
  double correlation() const;

 private:
  std::int64_t width_, count_;
  double sigma_;
  std::vector<float> released_;
};

// Two runs in this process and one `elsewhere` (say, in another process) do not share noise.
double freshness(const PrivateSteps& steps, const PrivateSteps& elsewhere, std::int64_t width);

// One patient with a gradient of ten times the bound moves the sum by the bound.
double sensitivity_of_one(const PrivateSteps& steps, std::int64_t repeats);

// Eight patients together, with gradients from a tenth to a million times the bound, each move it
// by the smaller of their gradient and the bound.
double sensitivity_of_eight(const PrivateSteps& steps, std::int64_t repeats);

// Patients are drawn independently with the stated rate: counts by patient and by step have the
// mean and the spread of binomial ones.
double sampling(const PrivateSteps& steps, std::int64_t repeats);

}  // namespace collegium
