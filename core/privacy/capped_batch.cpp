#include "privacy/capped_batch.h"

#include <algorithm>
#include <cmath>

namespace collegium {
namespace {

constexpr double kNegligible = 1e-290;
constexpr double kRounding = 1e-12;

// P(Binomial(n, q) >= least): the terms relative to the largest, outward from it.
double binomial_tail(std::int64_t n, double q, std::int64_t least) {
  if (least <= 0) return 1.0;
  if (least > n) return 0.0;
  if (q == 1.0) return 1.0;
  const double odds = q / (1.0 - q);
  const auto mode = std::min(n, static_cast<std::int64_t>(std::floor(q * (n + 1.0))));
  double all = 0.0, tail = 0.0;
  double term = 1.0;
  for (std::int64_t k = mode; k <= n && term > kNegligible; ++k) {
    all += term;
    if (k >= least) tail += term;
    term *= odds * static_cast<double>(n - k) / static_cast<double>(k + 1);
  }
  term = 1.0;
  for (std::int64_t k = mode; k-- > 0 && term > kNegligible;) {
    term *= static_cast<double>(k + 1) / (odds * static_cast<double>(n - k));
    all += term;
    if (k >= least) tail += term;
  }
  return std::min(1.0, tail / all * (1.0 + kRounding) + kNegligible);
}

}  // namespace

CappedBatch CappedBatch::of(double sampling_rate, std::int64_t max_batch, std::int64_t units) {
  CappedBatch batch;
  batch.overfull = binomial_tail(units - 1, sampling_rate, max_batch);
  if (batch.overfull == 0.0) return batch;
  // The unit is in an over-full batch with probability P(all sampled > max_batch) max_batch /
  // units, by symmetry.
  const double both = binomial_tail(units, sampling_rate, max_batch + 1) *
                      (static_cast<double>(max_batch) / static_cast<double>(units));
  batch.rate_when_overfull =
      std::min(sampling_rate, both / batch.overfull * (1.0 + 2.0 * kRounding));
  return batch;
}

}  // namespace collegium
