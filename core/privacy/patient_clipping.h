#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/ranges.h"
#include "privacy/adaptive_bound.h"

namespace collegium {

enum class ClippingMode { flat, per_layer, automatic, adaptive };

// What one patient's gradient is multiplied by before it meets the others', C being the bound:
//
//   flat       min(1, C / |g|)                                    Abadi et al. 2016, Alg. 1
//   per_layer  min(1, C / (sqrt(L) |g_l|)) for each of L layers   McMahan et al. 2018, "flat" per
//   layer automatic  C / (|g| + 0.01): all count alike                  Bu et al. 2022, AUTO-S
//   adaptive   as flat, with a bound that follows the median      Andrew et al. 2021
//
// Whatever the gradient, what is left of it has an L2 norm of at most C (1 - 2^-10): the factors
// aim at that, so that rounding cannot carry a patient above C (see PrivateSum). A patient with a
// norm that is not finite counts as nothing. Norms are taken over trainable slots.
class PatientClipping {
 public:
  // std::invalid_argument unless bound is above 0 and finite.
  PatientClipping(const Layout& layout, ClippingMode mode, double bound);

  // What is clipped apart: the layers under per_layer, all trainable ranges together otherwise.
  const std::vector<std::vector<Range>>& groups() const { return groups_; }
  std::size_t group_of(std::size_t offset) const;  // of the trainable slot at that offset
  // By how much one patient moves a sum of clipped gradients at most.
  double sensitivity() const { return adaptive_ ? adaptive_->value() : bound_; }

  std::vector<double> norms(std::span<const float> gradient) const;  // one a group
  // One a group, from the norms of one patient, who is counted: once in each step.
  std::vector<double> factors(std::span<const double> norms);
  // Patients that counted as nothing, since construction. Depends on data.
  std::int64_t left_out() const { return left_out_; }

  // Standard deviation of the gradients' noise when `noise_multiplier` is charged for the step.
  double noise(double noise_multiplier) const;
  // The step is over: an adaptive bound moves. See AdaptiveBound::move().
  void close_step(double noise_multiplier, double divisor, NoiseStream& noise);

 private:
  std::vector<std::vector<Range>> groups_;
  ClippingMode mode_;
  double bound_;
  std::optional<AdaptiveBound> adaptive_;
  std::int64_t left_out_ = 0;
};

}  // namespace collegium
