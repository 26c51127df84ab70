#include "privacy/pld/window.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace collegium {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::size_t kOrders = 48;
constexpr double kLogLost = -18.0;     // share of delta that may be given up above the window
constexpr double kLogWrapped = -14.0;  // the same for what wraps around
constexpr double kLogRounding = -9.0;  // and for the rounding of the transform

const std::array<double, kOrders>& orders() {
  static const std::array<double, kOrders> list = [] {
    std::array<double, kOrders> result{};
    double order = 0.02;
    for (double& value : result) {
      value = order;
      order *= 1.5;
    }
    return result;
  }();
  return list;
}

}  // namespace

double log_moment(const LossGrid& grid, double order) {
  const auto& mass = grid.mass();
  const std::size_t size = mass.size();
  const auto at = [&](std::size_t i) { return order > 0.0 ? size - 1 - i : i; };
  std::size_t i = 0;
  while (i + 1 < size && mass[at(i)] == 0.0) ++i;
  const double largest = order * grid.loss(at(i));
  const double ratio = std::exp(-std::abs(order) * grid.step());
  double sum = 0.0;
  for (double factor = 1.0; i < size && factor > 0.0; ++i, factor *= ratio)
    sum += mass[at(i)] * factor;
  return largest + std::log(sum);
}

double log_moment(std::span<const Repeated> parts, double order) {
  double sum = 0.0;
  for (const auto& [grid, count] : parts)
    sum += static_cast<double>(count) * log_moment(grid, order);
  return sum;
}

Window Window::of(std::span<const Repeated> parts, double delta, double log_rounding) {
  Window window;
  const double log_delta = std::log(delta);
  std::array<double, kOrders> moment{};
  double epsilon = kInfinity, best = 0.0;
  window.high = kInfinity;
  for (std::size_t i = 0; i < moment.size(); ++i) {
    const double order = orders()[i];
    moment[i] = log_moment(parts, order);
    if (const double high = (moment[i] - log_delta - kLogLost) / order; high < window.high) {
      window.high = high;
      window.high_order = order;
    }
    if (const double bound = (moment[i] - log_delta) / order; bound < epsilon) {
      epsilon = bound;
      best = order;
    }
  }
  // The order that is best for epsilon would, as a tilt, bring the bulk to it; but rare large
  // losses come to the fore as well, and at the upper end of what is possible nothing else is left.
  // So no more of it than rounding asks for.
  double tilt_moment = 0.0, log_wrapped = 0.0, tilted_high = kInfinity;
  for (const double share : {0.0, 0.125, 0.25, 0.5, 0.75, 1.0}) {
    const double tilt = share * best;
    const double log_moment_here =
        share == 0.0 ? log_moment(parts, 1e-12) : log_moment(parts, tilt);
    // What an error of 1 in the tilted distribution amounts to between half of epsilon and all of
    // it.
    const double log_weight = log_moment_here - 0.5 * tilt * epsilon;
    const double log_allowed = std::min(kLogWrapped, log_delta + kLogWrapped - log_weight);
    double high = kInfinity;
    for (std::size_t i = 0; i < moment.size(); ++i)
      if (const double further = orders()[i] - tilt; further > 0.0)
        high = std::min(high, (moment[i] - log_moment_here - log_allowed) / further);
    if (share > 0.0 && high > 1.5 * window.high) break;
    window.tilt = tilt;
    tilt_moment = log_moment_here;
    log_wrapped = log_allowed;
    tilted_high = high;
    if (log_rounding + log_weight <= log_delta + kLogRounding) break;
  }
  window.high = std::max(window.high, tilted_high);
  window.low = -kInfinity;
  for (const double order : orders())
    window.low = std::max(
        window.low, (log_wrapped + tilt_moment - log_moment(parts, window.tilt - order)) / order);
  double least = 0.0, most = 0.0;
  for (const auto& [grid, count] : parts) {
    least += static_cast<double>(count) * grid.loss(0);
    most += static_cast<double>(count) * grid.loss(grid.mass().size() - 1);
  }
  window.low = std::max(window.low, least);
  window.high = std::min(window.high, most);
  return window;
}

}  // namespace collegium
