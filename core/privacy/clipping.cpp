#include "privacy/clipping.h"

#include <cmath>
#include <stdexcept>

#include "vector/passes.h"

namespace collegium {
namespace {

void check_bound(double bound) {
  if (!(bound > 0.0) || std::isinf(bound))
    throw std::invalid_argument("a clipping bound must be above 0 and finite");
}

}  // namespace

double clip_factor(double norm, double bound) {
  check_bound(bound);
  if (!std::isfinite(norm)) return 0.0;
  const double limit = bound * (1.0 - 0x1p-10);
  return norm <= limit ? 1.0 : limit / norm;
}

double clip_to_norm(VectorView x, double bound) {
  check_bound(bound);
  const double norm = l2_norm(x);
  const double factor = clip_factor(norm, bound);
  if (factor == 0.0)
    fill_zero(x);  // not a product: 0 times NaN is NaN
  else if (factor < 1.0)
    scale(x, factor);
  return norm;
}

double clip_to_norm(std::span<float> x, double bound) { return clip_to_norm(VectorView(x), bound); }

}  // namespace collegium
