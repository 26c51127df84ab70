#include "imaging/transforms.h"

#include <algorithm>
#include <cmath>

namespace collegium {
namespace {

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

// What part of 0 .. size-1, moved by start, lies inside 0 .. extent-1.
struct Inside {
  std::int64_t first, end;
  Inside(std::int64_t start, std::int64_t size, std::int64_t extent)
      : first(std::clamp<std::int64_t>(-start, 0, size)),
        end(std::clamp<std::int64_t>(extent - start, first, size)) {}
};

// Position 0 .. count-1 from u in [0, 1).
std::int64_t pick(std::int64_t count, double u) {
  return std::min(count - 1, static_cast<std::int64_t>(u * static_cast<double>(count)));
}

std::int64_t half_before(std::int64_t inner, std::int64_t frame) {
  return frame > inner ? (frame - inner) / 2 : 0;
}

}  // namespace

template <class T>
void crop(std::span<const T> in, std::int64_t channels, const Extent& extent, const Extent& start,
          const Extent& size, std::span<T> out) {
  const Inside xs(start[0], size[0], extent[0]), ys(start[1], size[1], extent[1]),
      zs(start[2], size[2], extent[2]);
  std::fill(out.begin(), out.end(), T{});
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t x = xs.first; x < xs.end; ++x) {
      for (std::int64_t y = ys.first; y < ys.end; ++y) {
        const std::int64_t from =
            ((c * extent[0] + start[0] + x) * extent[1] + start[1] + y) * extent[2] + start[2];
        const std::int64_t to = ((c * size[0] + x) * size[1] + y) * size[2];
        std::copy(in.begin() + (from + zs.first), in.begin() + (from + zs.end),
                  out.begin() + (to + zs.first));
      }
    }
  }
}

template <class T>
void flip(std::span<T> values, std::int64_t channels, const Extent& extent, int axis) {
  // The array seen as (outer, length, inner) with the axis in the middle.
  std::int64_t outer = channels, inner = 1;
  for (int before = 0; before < axis; ++before) outer *= extent[index(before)];
  for (int after = axis + 1; after < 3; ++after) inner *= extent[index(after)];
  const std::int64_t length = extent[index(axis)];
  for (std::int64_t block = 0; block < outer; ++block) {
    T* first = values.data() + block * length * inner;
    T* last = first + (length - 1) * inner;
    for (; first < last; first += inner, last -= inner)
      std::swap_ranges(first, first + inner, last);
  }
}

void normalise_nonzero(std::span<float> values, std::int64_t channels) {
  if (channels == 0) return;
  const std::size_t stride = values.size() / index(channels);
  for (std::size_t begin = 0; begin + stride <= values.size() && stride > 0; begin += stride) {
    const auto channel = values.subspan(begin, stride);
    double sum = 0;
    std::size_t count = 0;
    for (const float v : channel) sum += v, count += v != 0;  // zeros add nothing
    if (count == 0) continue;
    const double mean = sum / static_cast<double>(count);
    double squares = 0;
    for (const float v : channel) squares += v != 0 ? (v - mean) * (v - mean) : 0;
    const double deviation = std::sqrt(squares / static_cast<double>(count));
    const double factor = deviation > 0 ? 1 / deviation : 1;
    for (float& v : channel) v = v != 0 ? static_cast<float>((v - mean) * factor) : 0.f;
  }
}

void scale_and_shift(std::span<float> values, float factor, float offset) {
  for (float& v : values) v = v * factor + offset;
}

Extent crop_start(const Extent& extent, const Extent& size, const std::array<double, 3>& u) {
  Extent start{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::int64_t spare = extent[axis] - size[axis];
    start[axis] = spare >= 0 ? pick(spare + 1, u[axis]) : -half_before(extent[axis], size[axis]);
  }
  return start;
}

Extent foreground_crop_start(std::span<const std::uint8_t> mask, const Extent& extent,
                             const Extent& size, double u) {
  const auto inside =
      mask.size() - static_cast<std::size_t>(std::count(mask.begin(), mask.end(), 0));
  Extent centre{extent[0] / 2, extent[1] / 2, extent[2] / 2};
  if (inside > 0) {
    std::int64_t left = pick(static_cast<std::int64_t>(inside), u);
    std::int64_t at = 0;
    while (mask[index(at)] == 0 || left-- > 0) ++at;
    centre = {at / (extent[1] * extent[2]), at / extent[2] % extent[1], at % extent[2]};
  }
  Extent start{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::int64_t spare = extent[axis] - size[axis];
    start[axis] = spare >= 0 ? std::clamp<std::int64_t>(centre[axis] - size[axis] / 2, 0, spare)
                             : -half_before(extent[axis], size[axis]);
  }
  return start;
}

Extent round_up(const Extent& extent, std::int64_t divisor) {
  Extent out{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    out[axis] = (extent[axis] + divisor - 1) / divisor * divisor;
  }
  return out;
}

Extent at_least(const Extent& extent, const Extent& least) {
  Extent out{};
  for (std::size_t axis = 0; axis < 3; ++axis) out[axis] = std::max(extent[axis], least[axis]);
  return out;
}

Extent centred_offset(const Extent& inner, const Extent& frame) {
  Extent out{};
  for (std::size_t axis = 0; axis < 3; ++axis) out[axis] = half_before(inner[axis], frame[axis]);
  return out;
}

template void crop(std::span<const float>, std::int64_t, const Extent&, const Extent&,
                   const Extent&, std::span<float>);
template void crop(std::span<const std::uint8_t>, std::int64_t, const Extent&, const Extent&,
                   const Extent&, std::span<std::uint8_t>);
template void flip(std::span<float>, std::int64_t, const Extent&, int);
template void flip(std::span<std::uint8_t>, std::int64_t, const Extent&, int);

}  // namespace collegium
