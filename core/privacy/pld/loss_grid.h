#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace collegium {

// The privacy loss ln(P/Q) of a pair of distributions, on the grid i * step.
//
// Connect the dots (Doroshenko et al. 2022, Alg. 1): an outcome whose loss lies between two grid
// points is divided among both so that neither its probability under P nor that under Q changes.
// Every divergence that grows under such a division (all that matter here) is then from above, with
// an error of the second order in the step.
class LossGrid {
 public:
  // Room for losses from `low` to `high`, without any mass.
  LossGrid(double step, double low, double high);

  // An outcome of probability p under P.
  void add(double p, double loss);
  // p between the grid points `below` and `below + 1` (counted in steps), `upper` of it at the
  // upper one.
  void add_between(std::int64_t below, double p, double upper);
  // Outcomes that one of the two does not know.
  void add_infinite(double under_p, double under_q);

  // ln(Q/P) under Q: the other direction of the same pair of neighbours.
  LossGrid dual() const;

  double step() const { return step_; }
  std::int64_t first() const { return first_; }
  double loss(std::size_t i) const {
    return static_cast<double>(first_ + static_cast<std::int64_t>(i)) * step_;
  }
  const std::vector<double>& mass() const { return mass_; }
  double infinite() const { return infinite_; }

 private:
  double step_;
  std::int64_t first_;
  std::vector<double> mass_;  // under P
  double infinite_ = 0.0, infinite_dual_ = 0.0;
};

}  // namespace collegium
