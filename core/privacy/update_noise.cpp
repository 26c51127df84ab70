#include "privacy/update_noise.h"

#include <algorithm>
#include <stdexcept>

#include "base/ranges.h"
#include "collegium/vector_ops.h"
#include "privacy/noise.h"

namespace collegium {
namespace {

// What lies between the trainable ranges.
void fill_frozen_with_zero(std::span<float> update, const std::vector<Range>& trainable) {
  std::size_t at = 0;
  for (const Range& range : trainable) {
    std::fill(update.begin() + static_cast<std::ptrdiff_t>(at),
              update.begin() + static_cast<std::ptrdiff_t>(range.offset), 0.0f);
    at = range.offset + range.size;
  }
  std::fill(update.begin() + static_cast<std::ptrdiff_t>(at), update.end(), 0.0f);
}

std::vector<Range> ranges_of(std::span<float> update, const Layout& layout) {
  if (update.size() != layout.size())
    throw std::invalid_argument("an update has another size than its layout");
  return trainable_ranges(layout);
}

}  // namespace

void clip_update(std::span<float> update, const Layout& layout, double clip) {
  fill_frozen_with_zero(update, ranges_of(update, layout));
  clip_to_norm(update, clip);
}

void keep_trainable(std::span<float> update, const Layout& layout) {
  fill_frozen_with_zero(update, ranges_of(update, layout));
}

void noise_update(std::span<float> update, const Layout& layout, double sigma,
                  SecureRandom& random) {
  const std::vector<Range> trainable = ranges_of(update, layout);
  fill_frozen_with_zero(update, trainable);
  for (const Range& range : trainable)
    add_gaussian_noise(update.subspan(range.offset, range.size), sigma, random);
}

}  // namespace collegium
