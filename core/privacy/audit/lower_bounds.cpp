#include "privacy/audit/lower_bounds.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "privacy/audit/tails.h"
#include "privacy/noise.h"

namespace collegium {
namespace {

constexpr std::int64_t kCanaries = 1000;  // a run; each needs a coordinate of its own

double share_above(std::span<const double> sorted, double threshold) {
  const auto first = std::upper_bound(sorted.begin(), sorted.end(), threshold);
  return static_cast<double>(sorted.end() - first);
}

// The p value of `correct` right guesses under (epsilon, delta)-privacy: Theorem 5.2 with the
// maximum over i written out as in the paper's Algorithm 2.
double p_of_guesses(std::int64_t candidates, std::int64_t guesses, std::int64_t correct,
                    double epsilon, double delta) {
  const double accuracy = 1.0 / (1.0 + std::exp(-epsilon));  // of randomised response
  double p = binomial_at_least(correct, guesses, accuracy);
  if (delta > 0.0) {
    double sum = 0.0, steepest = 0.0;
    for (std::int64_t i = 1; i <= correct; ++i) {
      const auto k = static_cast<double>(correct - i), n = static_cast<double>(guesses);
      sum += std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) +
                      k * std::log(accuracy) + (n - k) * std::log1p(-accuracy));
      steepest = std::max(steepest, sum / static_cast<double>(i));
    }
    p += steepest * delta * 2.0 * static_cast<double>(candidates);
  }
  return std::min(1.0, p);
}

}  // namespace

double gaussian_lower_bound(std::span<const double> present, std::span<const double> absent,
                            double alpha) {
  const auto half = [](std::span<const double> all, bool second) {
    const std::size_t middle = all.size() / 2;
    const auto part = second ? all.subspan(middle) : all.first(middle);
    std::vector<double> sorted(part.begin(), part.end());
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  };
  const auto in = half(present, false), out = half(absent, false);
  std::vector<double> both(in);
  both.insert(both.end(), out.begin(), out.end());
  std::sort(both.begin(), both.end());
  double best = -1e300, threshold = 0.0;
  for (double share = 0.05; share < 0.96; share += 0.025) {
    const double candidate =
        both[static_cast<std::size_t>(share * static_cast<double>(both.size()))];
    // The bound that counts as many errors again as one standard deviation more would give.
    const auto cautious = [](double errors, std::size_t size) {
      return std::min(1.0, (errors + std::sqrt(errors + 1.0)) / static_cast<double>(size));
    };
    const double false_positive = cautious(share_above(out, candidate), out.size());
    const double false_negative =
        cautious(static_cast<double>(in.size()) - share_above(in, candidate), in.size());
    const double score = -normal_quantile(false_positive) - normal_quantile(false_negative);
    if (score > best) {
      best = score;
      threshold = candidate;
    }
  }
  const auto test_in = half(present, true), test_out = half(absent, true);
  const auto bound = [&](double errors, std::size_t size) {
    return clopper_pearson_upper(std::llround(errors), static_cast<std::int64_t>(size), alpha / 2);
  };
  const double false_positive = bound(share_above(test_out, threshold), test_out.size());
  const double false_negative =
      bound(static_cast<double>(test_in.size()) - share_above(test_in, threshold), test_in.size());
  return -normal_quantile(false_positive) - normal_quantile(false_negative);
}

double one_run_lower_bound(std::int64_t candidates, std::int64_t guesses, std::int64_t correct,
                           double delta, double alpha) {
  const auto contradicted = [&](double epsilon) {
    return p_of_guesses(candidates, guesses, correct, epsilon, delta) <= alpha;
  };
  if (!contradicted(0.0)) return 0.0;
  double low = 0.0, high = 1.0;
  while (high < 64.0 && contradicted(high)) high *= 2.0;
  for (int i = 0; i < 40; ++i) {
    const double middle = 0.5 * (low + high);
    (contradicted(middle) ? low : high) = middle;
  }
  return low;
}

double one_run_lower_bound(std::span<const double> scores, std::span<const char> present,
                           double delta, double alpha) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
  const double shares[] = {0.05, 0.1, 0.2, 0.5, 1.0};
  double best = 0.0;
  for (const double share : shares) {
    const auto side = static_cast<std::size_t>(0.5 * share * static_cast<double>(order.size()));
    std::int64_t correct = 0;
    for (std::size_t i = 0; i < side; ++i)
      correct += (present[order[i]] == 0) + (present[order[order.size() - 1 - i]] != 0);
    best = std::max(best, one_run_lower_bound(static_cast<std::int64_t>(order.size()),
                                              static_cast<std::int64_t>(2 * side), correct, delta,
                                              alpha / std::size(shares)));
  }
  return best;
}

double gaussian_audit(const PrivateSteps& steps, double noise_multiplier, std::int64_t runs,
                      double alpha) {
  Trial trial{.width = kCanaries,
              .lengths = {},
              .patients = kCanaries,
              .steps = runs,
              .noise_multiplier = noise_multiplier};
  const auto out = steps(trial);
  trial.lengths.assign(kCanaries, 10 * trial.clip);
  const auto in = steps(trial);
  return gaussian_lower_bound(std::vector<double>(in.begin(), in.end()),
                              std::vector<double>(out.begin(), out.end()), alpha);
}

// Runs with canaries of their own are one mechanism together: each canary is in one of them.
double one_run_audit(const PrivateSteps& steps, const Trial& shape, std::int64_t runs, double delta,
                     double alpha) {
  const auto coins = NoiseSource::system().stream(NoisePurpose::audit, 0);
  std::vector<double> scores;
  std::vector<char> present;
  for (std::int64_t run = 0; run < runs; ++run) {
    Trial trial = shape;
    trial.width = trial.patients = kCanaries;
    trial.lengths.clear();
    for (std::int64_t i = 0; i < kCanaries; ++i) {
      present.push_back(static_cast<char>(coins->bits64() & 1));
      trial.lengths.push_back(present.back() ? 10 * trial.clip : 0.0);
    }
    const auto released = steps(trial);
    std::vector<double> sums(kCanaries);
    for (std::size_t i = 0; i < released.size(); ++i) sums[i % kCanaries] += released[i];
    scores.insert(scores.end(), sums.begin(), sums.end());
  }
  return one_run_lower_bound(scores, present, delta, alpha);
}

}  // namespace collegium
