#pragma once
#include <span>

#include "collegium/api.h"

namespace collegium {

// Passes over flat vectors in host memory. Spans of one call have equal sizes
// (std::invalid_argument otherwise) and do not overlap unless they are the same. Sums are taken in
// double with a fixed shape (lanes within chunks, then a tree), so a result has the same bits on
// every processor and device.

COLLEGIUM_API double l2_norm(std::span<const float> x);  // NaN or inf if any value is
COLLEGIUM_API double dot(std::span<const float> x, std::span<const float> y);
COLLEGIUM_API bool all_finite(std::span<const float> x);

COLLEGIUM_API void scale(std::span<float> x, double factor);  // x *= factor
COLLEGIUM_API void add_scaled(std::span<float> sum, double factor,
                              std::span<const float> x);  // sum += factor * x
COLLEGIUM_API void add_scaled(std::span<double> sum, double factor, std::span<const float> x);
COLLEGIUM_API void subtract(std::span<const float> a, std::span<const float> b,
                            std::span<float> out);  // a - b

// What a vector of this norm is multiplied by so that its norm is at most `bound`: min(1, bound (1
// - 2^-10) / norm). The margin leaves room for float32 sums of clipped vectors. A norm that is NaN
// or infinite gives 0. bound > 0.
COLLEGIUM_API double clip_factor(double norm, double bound);

// Scales x so that its L2 norm is at most `bound`; a vector with a value that is not finite becomes
// all zero. Returns the norm before clipping. Throws std::invalid_argument unless bound > 0 and
// finite.
COLLEGIUM_API double clip_to_norm(std::span<float> x, double bound);

}  // namespace collegium
