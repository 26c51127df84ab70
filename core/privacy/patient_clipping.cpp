#include "privacy/patient_clipping.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "collegium/vector_ops.h"

namespace collegium {
namespace {

constexpr double kStabiliser = 0.01;  // gamma of AUTO-S, as in the paper

}  // namespace

PatientClipping::PatientClipping(const Layout& layout, ClippingMode mode, double bound)
    : groups_{trainable_ranges(layout)}, mode_(mode), bound_(bound) {
  if (!(bound > 0.0) || std::isinf(bound))
    throw std::invalid_argument("a clipping bound must be above 0 and finite");
  if (mode == ClippingMode::per_layer) groups_ = layer_ranges(layout);
  if (mode == ClippingMode::adaptive) adaptive_.emplace(bound);
}

std::size_t PatientClipping::group_of(std::size_t offset) const {
  for (std::size_t i = 0; i < groups_.size(); ++i)
    for (const auto& range : groups_[i])
      if (offset >= range.offset && offset - range.offset < range.size) return i;
  throw std::out_of_range("there is nothing trainable at this offset");
}

std::vector<double> PatientClipping::norms(std::span<const float> gradient) const {
  std::vector<double> norms;
  for (const auto& group : groups_) {
    double squares = 0;
    for (const auto& range : group) {
      const double norm = l2_norm(gradient.subspan(range.offset, range.size));
      squares += norm * norm;
    }
    norms.push_back(std::sqrt(squares));
  }
  return norms;
}

std::vector<double> PatientClipping::factors(std::span<const double> norms) {
  if (norms.size() != groups_.size())
    throw std::invalid_argument("clipping takes one norm a group");
  std::vector<double> factors(norms.size(), 0.0);
  if (!std::all_of(norms.begin(), norms.end(), [](double norm) { return std::isfinite(norm); })) {
    ++left_out_;
    return factors;
  }
  const double bound = sensitivity() / std::sqrt(static_cast<double>(norms.size()));
  for (std::size_t i = 0; i < norms.size(); ++i)
    factors[i] = mode_ == ClippingMode::automatic
                     ? bound * (1.0 - 0x1p-10) / (norms[i] + kStabiliser)
                     : clip_factor(norms[i], bound);
  if (adaptive_) adaptive_->count(norms[0]);
  return factors;
}

double PatientClipping::noise(double noise_multiplier) const {
  return sensitivity() *
         (adaptive_ ? AdaptiveBound::gradient_noise(noise_multiplier) : noise_multiplier);
}

void PatientClipping::close_step(double noise_multiplier, double divisor, NoiseStream& noise) {
  if (adaptive_) adaptive_->move(noise_multiplier, divisor, noise);
}

}  // namespace collegium
