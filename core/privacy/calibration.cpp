#include "privacy/calibration.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "privacy/accountant.h"
#include "privacy/event_rules.h"

namespace collegium {
namespace {

// Of epsilon to its target: what grids leave uncertain is not worth more, a closed form is.
constexpr double kCloseness = 3e-5, kExactCloseness = 1e-8;
constexpr double kLeastNoise = 1e-9, kMostNoise = 1e300;

std::string text_of(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

void check_target(double epsilon, double delta) {
  if (!(epsilon > 0.0))
    throw ConfigError({.what = "epsilon must be above 0", .found = text_of(epsilon)});
  if (!(delta > 0.0 && delta < 1.0))
    throw ConfigError({.what = "delta must lie between 0 and 1",
                       .found = text_of(delta),
                       .remedy = "take one well below 1 / the number of patients"});
}

// Seven digits are what a person can copy.
double rounded_up(double noise) {
  const double grid = std::pow(10.0, std::floor(std::log10(noise)) - 6.0);
  return std::ceil(noise / grid * (1.0 - 1e-12)) * grid;
}

// A setting and what it costs.
struct Point {
  double x, epsilon;
};

// Between a setting that keeps the target and one that does not: log epsilon is nearly a straight
// line in log x. Ends with the former as close to the target as `round` allows, or to `closeness`.
template <class Cost, class Round>
double closest(double target, double closeness, Point good, Point bad, const Cost& cost,
               const Round& round) {
  bool stuck = false;
  while (good.epsilon < target * (1.0 - closeness) && good.x != bad.x) {
    double share = 0.5;  // of the way from good to bad
    if (!stuck && good.epsilon > 0.0 && std::isfinite(bad.epsilon))
      share = std::clamp(std::log(target * (1.0 - 0.5 * closeness) / good.epsilon) /
                             std::log(bad.epsilon / good.epsilon),
                         0.02, 0.98);
    const double x = round(good.x * std::pow(bad.x / good.x, share));
    if (x == good.x || x == bad.x) {
      if (share == 0.5) break;
      stuck = true;  // one step of the grid away from an end: halve instead
      continue;
    }
    const Point next{x, cost(x)};
    Point& replaced = next.epsilon <= target ? good : bad;
    stuck = std::abs(std::log(next.x / replaced.x)) < 0.1 * std::abs(std::log(bad.x / good.x));
    replaced = next;
  }
  return good.x;
}

}  // namespace

double calibrate_noise(double target, double delta, double sampling_rate, std::int64_t steps) {
  check_target(target, delta);
  PrivacyEvent event{
      .kind = PrivacyEvent::Kind::sampled_gaussian, .sampling_rate = sampling_rate, .count = steps};
  check_event(event);
  if (releases_nothing(event) || std::isinf(target)) return 0.0;
  const auto cost_by = [&](auto accountant) {
    return [&, accountant](double noise) {
      event.noise_multiplier = noise;
      return accountant(std::span<const PrivacyEvent>(&event, 1), delta);
    };
  };
  const double closeness = sampling_rate == 1.0 ? kExactCloseness : kCloseness;
  // From a first guess until the target lies between. Epsilon falls about as noise^-1.3; a little
  // more than that line says overshoots.
  const auto solve = [&](double guess, const auto& cost) {
    Point good{guess, cost(guess)}, bad = good;
    const auto beyond = [&](const Point& from, double away) {
      const double ratio = from.epsilon > 0.0 ? std::clamp(from.epsilon / target, 0.1, 10.0) : 0.1;
      return rounded_up(from.x * std::pow(ratio, 0.75) * away);
    };
    while (good.epsilon > target && good.x < kMostNoise) {
      bad = good;
      good.x = beyond(good, 1.002);
      good.epsilon = cost(good.x);
    }
    while (bad.epsilon <= target && bad.x > kLeastNoise) {
      good = bad;
      bad.x = beyond(bad, 0.998);
      bad.epsilon = cost(bad.x);
    }
    return closest(target, closeness, good, bad, cost, rounded_up);
  };
  // Renyi accounting is quick and somewhat above.
  return solve(solve(1.0, cost_by(renyi_epsilon)), cost_by(epsilon));
}

std::int64_t calibrate_steps(double target, double delta, double sampling_rate,
                             double noise_multiplier) {
  check_target(target, delta);
  PrivacyEvent event{.kind = PrivacyEvent::Kind::sampled_gaussian,
                     .noise_multiplier = noise_multiplier,
                     .sampling_rate = sampling_rate};
  check_event(event);
  if (releases_nothing(event) || std::isinf(target))
    throw ConfigError({.what = "any number of steps stays within epsilon",
                       .found = "sampling_rate " + text_of(sampling_rate) + ", noise_multiplier " +
                                text_of(noise_multiplier) + ", epsilon " + text_of(target),
                       .remedy = "these steps release nothing, or epsilon allows everything"});
  const auto cost = [&](double steps) {
    event.count = static_cast<std::int64_t>(steps);
    return epsilon({&event, 1}, delta);
  };
  constexpr double kMostSteps = 1e15;
  Point good{1.0, cost(1.0)};
  if (good.epsilon > target)
    throw ConfigError({.what = "epsilon cannot be reached: a single step costs more",
                       .expected = "at least " + text_of(good.epsilon),
                       .found = text_of(target),
                       .remedy = "take more noise or a smaller sampling rate"});
  Point bad{2.0, cost(2.0)};
  while (bad.epsilon <= target && bad.x < kMostSteps) {
    good = bad;
    bad.x *= 4.0;
    bad.epsilon = cost(bad.x);
  }
  const double closeness = sampling_rate == 1.0 ? kExactCloseness : kCloseness;
  return static_cast<std::int64_t>(
      closest(target, closeness, good, bad, cost, [](double steps) { return std::floor(steps); }));
}

}  // namespace collegium
