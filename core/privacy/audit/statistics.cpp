#include "privacy/audit/statistics.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "privacy/audit/tails.h"

namespace collegium {
namespace {

// Neither is 1, so that code which forgets one of them is seen.
constexpr double kClip = 0.7;
constexpr double kNoiseMultiplier = 1.3;

// What clipping leaves of a gradient of this length (privacy/clipping.h).
double contribution(double length) { return std::min(length, kClip * (1.0 - 0x1p-10)); }

// `tests` tests, of which the worst had this p value.
double of_several(double p, double tests) { return std::min(1.0, p * tests); }

double two_sided(double below, double above) { return of_several(std::min(below, above), 2); }

double chi_square_two_sided(double x, double freedom) {
  return two_sided(chi_square_below(x, freedom), chi_square_above(x, freedom));
}

double normal_two_sided(double x) { return of_several(normal_above(std::abs(x)), 2); }

double dot(const float* x, const float* y, std::int64_t size) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < size; ++i) sum += static_cast<double>(x[i]) * y[i];
  return sum;
}

// The cosine of two independent vectors of `size` normals is normal with variance 1 / size; two
// that carry no noise at all are taken for equal.
double p_of_cosine(double product, double squares, double other_squares, double size) {
  const double lengths = std::sqrt(squares * other_squares);
  const double cosine = lengths > 0.0 ? product / lengths : 1.0;
  return normal_two_sided(cosine * std::sqrt(size));
}

}  // namespace

PureNoise::PureNoise(const PrivateSteps& steps, std::int64_t width, std::int64_t count)
    : width_(width), count_(count), sigma_(kNoiseMultiplier * kClip) {
  released_ = steps({.width = width,
                     .lengths = std::vector<double>(100, 0.0),
                     .patients = 100,
                     .steps = count,
                     .rate = 0.25,
                     .clip = kClip,
                     .noise_multiplier = kNoiseMultiplier});
}

double PureNoise::scale() const {
  // Rounding to a grid of at most sigma / 64 adds 2e-5 to the variance: far below what is seen.
  std::vector<double> squares(static_cast<std::size_t>(width_));
  for (std::int64_t step = 0; step < count_; ++step)
    for (std::int64_t i = 0; i < width_; ++i) {
      const double x = released_[static_cast<std::size_t>(step * width_ + i)] / sigma_;
      squares[static_cast<std::size_t>(i)] += x * x;
    }
  constexpr std::int64_t kParts = 50;
  double all = 0.0, worst_part = 1.0;
  for (std::int64_t part = 0; part < kParts; ++part) {
    const std::int64_t begin = part * width_ / kParts, end = (part + 1) * width_ / kParts;
    double sum = 0.0;
    for (std::int64_t i = begin; i < end; ++i) sum += squares[static_cast<std::size_t>(i)];
    const auto freedom = static_cast<double>((end - begin) * count_);
    worst_part = std::min(worst_part, chi_square_two_sided(sum, freedom));
    all += sum;
  }
  const auto [least, most] = std::minmax_element(squares.begin(), squares.end());
  const auto freedom = static_cast<double>(count_);
  const double worst_coordinate =
      std::min(chi_square_two_sided(*least, freedom), chi_square_two_sided(*most, freedom));
  const double total = chi_square_two_sided(all, freedom * static_cast<double>(width_));
  return of_several(std::min({total, of_several(worst_part, kParts),
                              of_several(worst_coordinate, static_cast<double>(width_))}),
                    3);
}

double PureNoise::normality() const {
  // Values lie on the grid; at the upper edge of each cell the empirical distribution meets the
  // normal one.
  const double grid = std::exp2(std::floor(std::log2(sigma_)) - 6);
  std::vector<float> sorted(released_);
  std::sort(sorted.begin(), sorted.end());
  const auto n = static_cast<double>(sorted.size());
  const auto below_edge = [&](double value) {
    return normal_above(-(grid * (std::nearbyint(value / grid) + 0.5)) / sigma_);
  };
  double distance = normal_above(-(sorted.front() - 0.5 * grid) / sigma_);
  for (std::size_t i = 0; i < sorted.size(); ++i)
    if (i + 1 == sorted.size() || sorted[i] != sorted[i + 1]) {
      const double seen = (static_cast<double>(i) + 1.0) / n;
      distance = std::max(distance, std::abs(seen - below_edge(sorted[i])));
    }
  return kolmogorov_above(distance, n);
}

double PureNoise::correlation() const {
  const auto row = [&](std::int64_t step) { return released_.data() + step * width_; };
  std::vector<double> squares;
  for (std::int64_t step = 0; step < count_; ++step)
    squares.push_back(dot(row(step), row(step), width_));
  double worst = 1.0, tests = 0.0, across = 0.0, left = 0.0, right = 0.0;
  for (std::int64_t a = 0; a < count_; ++a) {
    for (std::int64_t b = 0; b < a; ++b, ++tests)
      worst = std::min(
          worst, p_of_cosine(dot(row(a), row(b), width_), squares[static_cast<std::size_t>(a)],
                             squares[static_cast<std::size_t>(b)], static_cast<double>(width_)));
    const std::int64_t half = width_ / 2;
    across += dot(row(a), row(a) + half, half);
    left += dot(row(a), row(a), half);
    right += dot(row(a) + half, row(a) + half, half);
  }
  const double size = static_cast<double>(count_) * static_cast<double>(width_ / 2);
  const double halves = p_of_cosine(across, left, right, size);
  return of_several(std::min(of_several(worst, tests), halves), 2);
}

double freshness(const PrivateSteps& steps, const PrivateSteps& elsewhere, std::int64_t width) {
  const Trial trial{.width = width,
                    .lengths = {},
                    .patients = 100,
                    .steps = 1,
                    .rate = 0.25,
                    .clip = kClip,
                    .noise_multiplier = kNoiseMultiplier};
  const std::vector<float> runs[] = {steps(trial), steps(trial), elsewhere(trial)};
  double worst = 1.0;
  for (int a = 0; a < 3; ++a)
    for (int b = 0; b < a; ++b) {
      const float *x = runs[a].data(), *y = runs[b].data();
      worst = std::min(worst, p_of_cosine(dot(x, y, width), dot(x, x, width), dot(y, y, width),
                                          static_cast<double>(width)));
    }
  return of_several(worst, 3);
}

namespace {

// The worst of the patients' mean contributions against what they must be, once under noise as in
// training (which sees what follows the noise) and once under little noise (which sees small
// faults).
double sensitivity(const PrivateSteps& steps, const std::vector<double>& lengths,
                   std::int64_t repeats) {
  constexpr std::int64_t kWidth = 50;
  double worst = 1.0;
  for (const double noise_multiplier : {1.0, 0.02}) {
    const auto released = steps({.width = kWidth,
                                 .lengths = lengths,
                                 .patients = static_cast<std::int64_t>(lengths.size()),
                                 .steps = repeats,
                                 .rate = 1.0,
                                 .clip = kClip,
                                 .noise_multiplier = noise_multiplier});
    const double deviation = noise_multiplier * kClip / std::sqrt(static_cast<double>(repeats));
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      double sum = 0.0;
      for (std::size_t at = i; at < released.size(); at += kWidth) sum += released[at];
      const double mean = sum / static_cast<double>(repeats);
      worst = std::min(worst, normal_two_sided((mean - contribution(lengths[i])) / deviation));
    }
  }
  return of_several(worst, 2.0 * static_cast<double>(lengths.size()));
}

}  // namespace

double sensitivity_of_one(const PrivateSteps& steps, std::int64_t repeats) {
  return sensitivity(steps, {10 * kClip}, repeats);
}

double sensitivity_of_eight(const PrivateSteps& steps, std::int64_t repeats) {
  std::vector<double> lengths;
  for (const double factor : {0.1, 0.5, 0.9, 1.0, 1.5, 10.0, 1e3, 1e6})
    lengths.push_back(factor * kClip);
  return sensitivity(steps, lengths, repeats);
}

double sampling(const PrivateSteps& steps, std::int64_t repeats) {
  constexpr std::int64_t kPatients = 60;
  constexpr double kRate = 0.25;
  // With next to no noise whoever takes part is seen.
  const auto released = steps({.width = kPatients,
                               .lengths = std::vector<double>(kPatients, 10 * kClip),
                               .patients = kPatients,
                               .steps = repeats,
                               .rate = kRate,
                               .clip = kClip,
                               .noise_multiplier = 1e-3});
  std::vector<double> by_patient(kPatients), by_step(static_cast<std::size_t>(repeats));
  double all = 0.0;
  for (std::size_t i = 0; i < released.size(); ++i)
    if (released[i] > 0.02 * kClip) {
      ++by_patient[i % kPatients];
      ++by_step[i / kPatients];
      ++all;
    }
  // Pearson's dispersion of counts that should be binomial with `trials` trials.
  const auto dispersion = [&](const std::vector<double>& counts, double trials) {
    double sum = 0.0;
    for (const double count : counts) sum += std::pow(count - trials * kRate, 2);
    return chi_square_two_sided(sum / (trials * kRate * (1.0 - kRate)),
                                static_cast<double>(counts.size()));
  };
  const auto count = static_cast<std::int64_t>(all);
  const double mean = two_sided(binomial_at_most(count, kPatients * repeats, kRate),
                                binomial_at_least(count, kPatients * repeats, kRate));
  return of_several(std::min({mean, dispersion(by_patient, static_cast<double>(repeats)),
                              dispersion(by_step, static_cast<double>(kPatients))}),
                    3);
}

}  // namespace collegium
