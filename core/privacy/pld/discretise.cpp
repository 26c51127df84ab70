#include "privacy/pld/discretise.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "privacy/capped_batch.h"
#include "privacy/event_rules.h"
#include "privacy/normal_tail.h"

namespace collegium {
namespace {

using Kind = PrivacyEvent::Kind;

// The loss of an outcome that is e^r times as probable with the unit in the sample.
double sampled_loss(double q, double r) {
  if (q == 1.0) return r;
  return r > 30.0 ? r + std::log(q + (1.0 - q) * std::exp(-r)) : std::log1p(q * std::expm1(r));
}

// Its inverse; infinite at and below the least loss, log(1 - q).
double unsampled_loss(double q, double loss) {
  if (q == 1.0) return loss;
  if (loss > 30.0) return loss - std::log(q) + std::log1p(-(1.0 - q) * std::exp(-loss));
  const double excess = std::expm1(loss) / q;
  return excess <= -1.0 ? -std::numeric_limits<double>::infinity() : std::log1p(excess);
}

// A piece of a smooth pair: for x from `from` to `to`, ln f(x+1)/f(x) = -slope (x + 1/2).
struct Piece {
  double q, slope, from, to;
  double unit;  // over which f changes

  double loss_at(double x) const { return sampled_loss(q, -slope * (x + 0.5)); }
  double x_at(double loss) const {
    return std::clamp(-unsampled_loss(q, loss) / slope - 0.5, from, to);
  }
};

// Gauss-Legendre nodes and weights on [-1, 1].
constexpr std::array<std::pair<double, double>, 3> kNodes{
    {{-0.774596669241483377, 5.0 / 9.0}, {0.0, 8.0 / 9.0}, {0.774596669241483377, 5.0 / 9.0}}};
// Nearer than this, in units over which the integrand changes, three nodes are good to 1e-12.
constexpr double kFine = 0.1;

// Adds the outcomes of a piece, each between its two grid points. With a loss below the point
// e = (i+1) h, all terms are relative to e, so that none overflows and none is a difference of
// nearly equal integrals.
template <class LogDensity>
void add_piece(LossGrid& grid, double weight, const Piece& piece, const LogDensity& log_density) {
  const double h = grid.step(), low_factor = std::exp(-h), scale = -1.0 / std::expm1(-h);
  const auto top = static_cast<std::int64_t>(std::ceil(piece.loss_at(piece.from) / h));
  const auto bottom = static_cast<std::int64_t>(std::floor(piece.loss_at(piece.to) / h));
  const double log_q = std::log(piece.q);
  double left = piece.from;
  for (std::int64_t i = top - 1; i >= bottom; --i) {
    const double right = i == bottom ? piece.to : piece.x_at(static_cast<double>(i) * h);
    if (!(right > left)) continue;
    const double e = static_cast<double>(i + 1) * h;
    const double rest = piece.q == 1.0 ? 0.0 : (1.0 - piece.q) * std::exp(-e);
    const double steepness = std::max(std::abs(left), std::abs(right)) / piece.unit + 1.0;
    const int parts = 1 + static_cast<int>((right - left) / piece.unit * steepness / kFine);
    const double half = 0.5 * (right - left) / parts;
    double p = 0.0, upper = 0.0;
    for (int part = 0; part < parts; ++part) {
      const double middle = left + (2 * part + 1) * half;
      for (const auto& [node, node_weight] : kNodes) {
        const double x = middle + half * node;
        const double q_mass = node_weight * std::exp(log_density(x) + e);  // under Q, times e^e
        const double ratio = rest + std::exp(log_q - piece.slope * (x + 0.5) - e);  // P/Q e^-e
        p += q_mass * ratio;
        upper += q_mass * (ratio - low_factor);
      }
    }
    grid.add_between(i, weight * half * p, weight * half * scale * upper);
    left = right;
  }
}

// x with log P(N > x) <= log_tail.
double normal_reach(double log_tail) {
  double low = 0.0, high = 1.0;
  while (log_normal_cdf(-high) > log_tail) high *= 2.0;
  for (int i = 0; i < 60; ++i) {
    const double middle = 0.5 * (low + high);
    (log_normal_cdf(-middle) > log_tail ? low : high) = middle;
  }
  return high;
}

struct Gaussian {
  double q, z, reach;

  static Gaussian of(double q, double z, double tail) {
    return {q, z, normal_reach(std::log(0.5 * tail))};
  }
  Piece piece() const { return {q, 1.0 / (z * z), -1.0 - z * reach, z * reach, z}; }
  LossRange range() const {
    const Piece all = piece();
    return {all.loss_at(all.to), all.loss_at(all.from)};
  }
  void add_to(LossGrid& grid, double weight, double tail) const {
    const double log_peak = -std::log(z * std::sqrt(2.0 * std::acos(-1.0)));
    add_piece(grid, weight, piece(), [&](double x) { return log_peak - 0.5 * (x / z) * (x / z); });
    grid.add_infinite(weight * tail, weight * tail);
  }
};

struct Mixture {
  double weight;
  Gaussian part;
};

std::vector<Mixture> gaussian_parts(const PrivacyEvent& event, double tail) {
  const double q = event.sampling_rate, z = event.noise_multiplier;
  if (event.max_batch > 0)
    if (const auto batch = CappedBatch::of(q, event.max_batch, event.n_public); batch.overfull > 0)
      return {{1.0 - batch.overfull, Gaussian::of(q, z, tail)},
              {batch.overfull, Gaussian::of(batch.rate_when_overfull, z / 2.0, tail)}};
  return {{1.0, Gaussian::of(q, z, tail)}};
}

// Outside [-1, 0] the loss of Laplace noise does not change any more.
void add_laplace(LossGrid& grid, double q, double b) {
  const Piece piece{q, 2.0 / b, -1.0, 0.0, b};
  const double outside = 0.5, beyond = 0.5 * std::exp(-1.0 / b);
  grid.add((1.0 - q) * beyond + q * outside, piece.loss_at(-1.0));
  grid.add((1.0 - q) * outside + q * beyond, piece.loss_at(0.0));
  add_piece(grid, 1.0, piece, [b](double x) { return x / b - std::log(2.0 * b); });
}

// Noise on the integers, its probabilities at distances 0, 1, ... to `reach` and one shift further:
// beyond reach lies at most `tail` of it.
struct IntegerNoise {
  std::int64_t reach;
  std::vector<double> probability;

  double at(std::int64_t k) const { return probability[static_cast<std::size_t>(std::abs(k))]; }

  static IntegerNoise of(const PrivacyEvent& event, double tail) {
    const double scale = event.noise_multiplier * static_cast<double>(event.sensitivity);
    const bool gaussian = event.kind == Kind::discrete_gaussian;
    // The discrete Gaussian's tail from m on is at most the continuous one's from m - 1 on
    // (Canonne, Kamath and Steinke 2020, Prop. 25).
    const double reach = 1.0 + (gaussian ? scale * normal_reach(std::log(0.5 * tail))
                                         : scale * std::log(2.0 / tail));
    IntegerNoise noise{static_cast<std::int64_t>(reach) + 1, {}};
    noise.probability.resize(static_cast<std::size_t>(noise.reach + event.sensitivity) + 1);
    double sum = 0.0;
    for (std::size_t k = noise.probability.size(); k-- > 0;) {
      const double x = static_cast<double>(k) / scale;
      noise.probability[k] = gaussian ? std::exp(-0.5 * x * x) : std::exp(-x);
      sum += (k == 0 ? 1.0 : 2.0) * noise.probability[k];
    }
    for (double& p : noise.probability) p /= sum;
    return noise;
  }
};

double integer_loss(const PrivacyEvent& event, std::int64_t k) {
  const double s = static_cast<double>(event.sensitivity);
  const double scale = event.noise_multiplier * s;
  const double x = static_cast<double>(k);
  const double r = event.kind == Kind::discrete_gaussian
                       ? -s * (2.0 * x + s) / (2.0 * scale * scale)
                       : (std::abs(x) - std::abs(x + s)) / scale;
  return sampled_loss(event.sampling_rate, r);
}

void add_integers(LossGrid& grid, const PrivacyEvent& event, double tail) {
  const auto noise = IntegerNoise::of(event, tail);
  const double q = event.sampling_rate;
  for (std::int64_t k = -noise.reach - event.sensitivity; k <= noise.reach; ++k)
    grid.add((1.0 - q) * noise.at(k) + q * noise.at(k + event.sensitivity), integer_loss(event, k));
  grid.add_infinite(2.0 * tail, 2.0 * tail);
}

void add_randomised_response(LossGrid& grid, double epsilon, double delta) {
  const double rare = 1.0 / (1.0 + std::exp(epsilon));
  grid.add((1.0 - delta) * (1.0 - rare), epsilon);
  grid.add((1.0 - delta) * rare, -epsilon);
  grid.add_infinite(delta, delta);
}

// A vector of integers under discrete Laplace noise is only as good as its epsilon.
bool is_pure(const PrivacyEvent& event) {
  return event.kind == Kind::pure || event.kind == Kind::approximate ||
         (event.kind == Kind::discrete_laplace && event.sensitivity == 0);
}

double pure_epsilon(const PrivacyEvent& event) {
  return event.kind == Kind::discrete_laplace
             ? sampled_loss(event.sampling_rate, 1.0 / event.noise_multiplier)
             : event.epsilon;
}

}  // namespace

bool has_privacy_loss(const PrivacyEvent& event) {
  constexpr double kMostIntegers = 1e5;  // beyond, Renyi divergences have to do
  switch (event.kind) {
    case Kind::none:
    case Kind::unbounded:
    case Kind::fixed_size_gaussian:
      return false;
    case Kind::pure:
    case Kind::approximate:
      return std::isfinite(event.epsilon);
    case Kind::discrete_gaussian:
      if (event.sensitivity == 0) return false;
      [[fallthrough]];
    case Kind::discrete_laplace:
      return event.noise_multiplier > 0.0 &&
             event.noise_multiplier * static_cast<double>(event.sensitivity) < kMostIntegers;
    default:
      return event.noise_multiplier > 0.0;
  }
}

bool symmetric_loss(const PrivacyEvent& event) {
  return event.sampling_rate == 1.0 && event.max_batch == 0;
}

LossRange loss_range(const PrivacyEvent& event, double tail) {
  if (is_pure(event)) return {-pure_epsilon(event), pure_epsilon(event)};
  if (event.kind == Kind::laplace) {
    const double r = 1.0 / event.noise_multiplier;
    return {sampled_loss(event.sampling_rate, -r), sampled_loss(event.sampling_rate, r)};
  }
  if (is_discrete(event.kind)) {
    const std::int64_t reach = IntegerNoise::of(event, tail).reach;
    return {integer_loss(event, reach), integer_loss(event, -reach - event.sensitivity)};
  }
  LossRange all;
  for (const auto& [weight, part] : gaussian_parts(event, tail)) {
    const LossRange one = part.range();
    all = {std::min(all.low, one.low), std::max(all.high, one.high)};
  }
  return all;
}

LossGrid discretise(const PrivacyEvent& event, double step, double tail) {
  const LossRange range = loss_range(event, tail);
  LossGrid grid(step, range.low, range.high);
  if (event.kind == Kind::approximate || is_pure(event))
    add_randomised_response(grid, pure_epsilon(event), event.delta);
  else if (event.kind == Kind::laplace)
    add_laplace(grid, event.sampling_rate, event.noise_multiplier);
  else if (is_discrete(event.kind))
    add_integers(grid, event, tail);
  else
    for (const auto& [weight, part] : gaussian_parts(event, tail)) part.add_to(grid, weight, tail);
  return grid;
}

}  // namespace collegium
