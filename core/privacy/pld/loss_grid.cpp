#include "privacy/pld/loss_grid.h"

#include <algorithm>
#include <cmath>

namespace collegium {

LossGrid::LossGrid(double step, double low, double high)
    : step_(step), first_(static_cast<std::int64_t>(std::floor(low / step)) - 1) {
  const auto last = static_cast<std::int64_t>(std::ceil(high / step)) + 1;
  mass_.assign(static_cast<std::size_t>(last - first_) + 1, 0.0);
}

void LossGrid::add(double p, double loss) {
  const auto below = static_cast<std::int64_t>(std::floor(loss / step_));
  const double share = std::expm1(static_cast<double>(below) * step_ - loss) / std::expm1(-step_);
  add_between(below, p, p * std::clamp(share, 0.0, 1.0));
}

void LossGrid::add_between(std::int64_t below, double p, double upper) {
  const auto i = static_cast<std::size_t>(below - first_);
  upper = std::clamp(upper, 0.0, p);
  mass_[i] += p - upper;
  mass_[i + 1] += upper;
}

void LossGrid::add_infinite(double under_p, double under_q) {
  infinite_ += under_p;
  infinite_dual_ += under_q;
}

LossGrid LossGrid::dual() const {
  LossGrid other(*this);
  const std::size_t size = mass_.size();
  other.first_ = -(first_ + static_cast<std::int64_t>(size) - 1);
  for (std::size_t i = 0; i < size; ++i)
    other.mass_[size - 1 - i] = mass_[i] == 0.0 ? 0.0 : mass_[i] * std::exp(-loss(i));
  std::swap(other.infinite_, other.infinite_dual_);
  return other;
}

}  // namespace collegium
