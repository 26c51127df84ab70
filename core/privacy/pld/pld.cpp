#include "privacy/pld/pld.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "privacy/event_rules.h"
#include "privacy/pld/discretise.h"
#include "privacy/pld/spectrum.h"
#include "privacy/pld/window.h"

namespace collegium {
namespace {

using Kind = PrivacyEvent::Kind;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kUnitRoundoff = 0.5 * std::numeric_limits<double>::epsilon();

constexpr double kCoarseBins = 512;         // of the grid on which the window is found
constexpr double kFirstBins = 4096;         // of the window, in the first answer
constexpr double kMostBins = 1 << 20;       // of the window, in the last
constexpr double kSingleShare = 4.0;        // one release has at most so many times the window's
constexpr double kLeastError = 1e-6;        // of epsilon, absolute
constexpr double kMostReleases = 1e12;      // their grid points are counted in 64 bits
constexpr double kTailShare = 1e-9;         // of delta, for the tails of the noise
constexpr double kQuadratureError = 1e-11;  // relative, of the mass of a grid point

double releases(std::span<const PrivacyEvent> events) {
  double sum = 0.0;
  for (const PrivacyEvent& event : events) sum += static_cast<double>(event.count);
  return sum;
}

// Gaussian releases to everybody are together one.
std::vector<PrivacyEvent> merged(std::span<const PrivacyEvent> events) {
  std::vector<PrivacyEvent> parts;
  double squared_mu = 0.0;
  for (const PrivacyEvent& event : events) {
    if (releases_nothing(event)) continue;
    const bool plain =
        event.kind == Kind::gaussian || (event.kind == Kind::sampled_gaussian &&
                                         event.sampling_rate == 1.0 && event.max_batch == 0);
    if (plain)
      squared_mu +=
          static_cast<double>(event.count) / (event.noise_multiplier * event.noise_multiplier);
    else
      parts.push_back(event);
  }
  if (squared_mu > 0.0)
    parts.push_back({.kind = Kind::gaussian, .noise_multiplier = 1.0 / std::sqrt(squared_mu)});
  return parts;
}

std::vector<Repeated> discretised(std::span<const PrivacyEvent> events, double step, double tail,
                                  bool dual) {
  std::vector<Repeated> parts;
  parts.reserve(events.size());
  for (const PrivacyEvent& event : events) {
    LossGrid grid = discretise(event, step, tail);
    parts.push_back({dual ? grid.dual() : std::move(grid), event.count});
  }
  return parts;
}

// The composed loss inside the window: `tilted`[i] exp(log_scale - tilt loss(i)) is the probability
// at loss (first + i) step.
struct Composed {
  double step = 0.0, tilt = 0.0, log_scale = 0.0;
  std::int64_t first = 0;
  std::vector<double> tilted;
  double rounding = 0.0;  // of the sum over any of `tilted`
  double infinite = 0.0;

  double loss(std::int64_t i) const { return static_cast<double>(first + i) * step; }
  double untilt(std::int64_t i) const { return std::exp(log_scale - tilt * loss(i)); }
};

// What the transform may have got wrong, over any sum of its values. Each of its log2(size) stages
// rounds at random, so that relative to the Euclidean norm forward and back err by about
// sqrt(log2(size)) roundings (Higham 2002, 24.1), and a power by as many times its exponent. A sum
// of errors is at most sqrt(size) times their norm: `spread` is that factor, relative to the norm
// of the values; in most windows it is below 4.
double rounding(double count, double size, double spread = 4.0) {
  return 4.0 * kUnitRoundoff * (count + std::log2(size)) * spread;
}

Composed compose(std::span<const Repeated> parts, const Window& window) {
  Composed result;
  result.step = parts.front().grid.step();
  result.tilt = window.tilt;
  result.log_scale = log_moment(parts, window.tilt);
  result.first = static_cast<std::int64_t>(std::floor(window.low / result.step));
  const Circle circle(
      Circle::good_size(static_cast<std::size_t>(std::ceil(window.high / result.step) -
                                                 std::floor(window.low / result.step)) +
                        1));
  const std::size_t size = circle.size();
  const auto points = static_cast<std::int64_t>(size);
  Circle::Spectrum product(size / 2 + 1, 1.0);
  std::vector<double> once(size);
  std::int64_t start = 0;
  double log_finite = 0.0, count_all = 0.0;
  for (const auto& [grid, count] : parts) {
    std::fill(once.begin(), once.end(), 0.0);
    const double log_one = log_moment(grid, window.tilt);
    for (std::size_t i = 0; i < grid.mass().size(); ++i)
      if (grid.mass()[i] > 0.0)
        once[i % size] += grid.mass()[i] * std::exp(window.tilt * grid.loss(i) - log_one);
    multiply_by_power(product, circle.transform(once), count);
    start += grid.first() * count;
    log_finite += static_cast<double>(count) * std::log1p(-grid.infinite());
    count_all += static_cast<double>(count);
  }
  const std::vector<double> values = circle.values(product);
  result.tilted.resize(size);
  double squares = 0.0;
  for (std::int64_t i = 0; i < points; ++i) {
    const std::int64_t at = ((result.first + i - start) % points + points) % points;
    result.tilted[static_cast<std::size_t>(i)] =
        std::max(0.0, values[static_cast<std::size_t>(at)]);
    squares += values[static_cast<std::size_t>(at)] * values[static_cast<std::size_t>(at)];
  }
  const auto n = static_cast<double>(size);
  result.rounding = rounding(count_all, n, std::sqrt(n * squares));
  const double above =
      std::exp(log_moment(parts, window.high_order) - window.high_order * result.loss(points));
  result.infinite = -std::expm1(log_finite) + above;
  return result;
}

// The least epsilon with delta(epsilon) <= delta, where delta(e) = sum of p (1 - exp(e - loss))
// over all losses above e. From the top down; `faded` is the sum of p exp(e - loss).
double smallest_epsilon(const Composed& composed, double delta) {
  double above = composed.infinite, faded = 0.0;
  if (above > delta) return kInfinity;
  const double fade = std::exp(-composed.step);
  for (auto i = static_cast<std::int64_t>(composed.tilted.size()); i-- > 0;) {
    const double rounding = composed.rounding * composed.untilt(i);
    const double left = above + rounding - delta;
    if (left > faded) {
      const double e = faded > 0.0 ? composed.loss(i) + std::log(left / faded) : kInfinity;
      return std::max(0.0, std::min(e, composed.loss(i + 1)));
    }
    if (composed.loss(i) <= 0.0) return 0.0;
    const double p = composed.tilted[static_cast<std::size_t>(i)] * composed.untilt(i);
    above += p;
    faded = (faded + p) * fade;
  }
  return std::max(0.0, composed.loss(0));
}

// The largest of 1, 2, 5 times a power of ten that is not above x: losses are often round numbers.
double round_step(double x) {
  const double power = std::pow(10.0, std::floor(std::log10(x)));
  for (const double factor : {5.0, 2.0})
    if (factor * power <= x) return factor * power;
  return power;
}

// `enough`: an answer up to it may be a rougher one.
double one_direction(std::span<const PrivacyEvent> events, double delta, double tolerance,
                     double enough, bool dual) {
  const double tail = kTailShare * delta / releases(events);
  double width = 0.0;
  for (const PrivacyEvent& event : events) {
    const LossRange range = loss_range(event, tail);
    width = std::max(width, range.high - range.low);
  }
  // What quadrature may have taken from every release.
  const double safe_delta = delta * (1.0 - 1e-9) * std::exp(-kQuadratureError * releases(events));
  auto parts = discretised(events, width / kCoarseBins, tail, dual);
  double last = kInfinity, last_step = 0.0;
  for (double bins = kFirstBins; bins <= kMostBins;) {
    const Window window = Window::of(parts, delta, std::log(rounding(releases(events), bins)));
    const double step = round_step(std::max(window.high - window.low, width / kSingleShare) / bins);
    parts = discretised(events, step, tail, dual);
    const Composed composed = compose(parts, window);
    const double next = std::min(last, smallest_epsilon(composed, safe_delta));
    if (next <= enough) return next;
    // The error falls with the square of the step. At the window's end, the window was misplaced,
    // from too coarse a grid.
    const bool inside = next > composed.loss(4);
    const double ratio = last_step / step;
    const double error = std::isinf(last) ? kInfinity : (last - next) / (ratio * ratio - 1.0);
    const double allowed = tolerance * next + kLeastError;
    if (inside && error <= allowed) return next;
    const double finer = inside ? std::sqrt(2.0 * error / allowed) : kInfinity;
    bins *= std::clamp(finer, 2.0, 4.0);
    last = next;
    last_step = step;
  }
  return last;
}

}  // namespace

double pld_epsilon(std::span<const PrivacyEvent> events, double delta, double tolerance) {
  const std::vector<PrivacyEvent> parts = merged(events);
  if (parts.empty()) return 0.0;
  if (delta == 0.0 || !std::ranges::all_of(parts, has_privacy_loss) ||
      releases(parts) > kMostReleases)
    return kInfinity;
  const double one = one_direction(parts, delta, tolerance, 0.0, false);
  if (std::ranges::all_of(parts, symmetric_loss)) return one;
  return std::max(one, one_direction(parts, delta, tolerance, one, true));
}

}  // namespace collegium
