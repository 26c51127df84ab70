#include "imaging/sliding_window.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "collegium/error.h"
#include "imaging/transforms.h"

namespace collegium {
namespace {

std::size_t size_of(std::int64_t n) { return static_cast<std::size_t>(n); }

std::vector<std::int64_t> axis_starts(std::int64_t image, std::int64_t roi, double overlap) {
  const std::int64_t step =
      roi == image ? roi
                   : std::max<std::int64_t>(
                         1, static_cast<std::int64_t>(static_cast<double>(roi) * (1 - overlap)));
  std::vector<std::int64_t> starts;
  for (std::int64_t start = 0;; start += step) {
    starts.push_back(std::min(start, image - roi));
    if (start + roi >= image) return starts;
  }
}

// The weighted sum of predictions and of weights, over the padded image.
class Blend {
 public:
  Blend(std::int64_t channels, const Extent& extent, const Extent& roi, Importance importance)
      : sums_(channels, extent),
        weights_(1, extent),
        roi_(roi),
        map_(importance_map(roi, importance)) {}

  void add(const Extent& start, std::span<const float> prediction) {
    for (std::int64_t c = 0; c < sums_.channels; ++c) {
      add_channel(start, prediction.subspan(map_.size() * size_of(c), map_.size()),
                  sums_.channel(c));
    }
    for_rows(start, [&](std::size_t here, std::size_t there, std::size_t count) {
      for (std::size_t i = 0; i < count; ++i) weights_.values[there + i] += map_[here + i];
    });
  }

  FloatImage finish() {
    for (std::int64_t c = 0; c < sums_.channels; ++c) {
      const auto channel = sums_.channel(c);
      for (std::size_t i = 0; i < channel.size(); ++i) channel[i] /= weights_.values[i];
    }
    return std::move(sums_);
  }

 private:
  template <class Visit>
  void for_rows(const Extent& start, const Visit& visit) const {
    const Extent& all = weights_.extent;
    for (std::int64_t x = 0; x < roi_[0]; ++x) {
      for (std::int64_t y = 0; y < roi_[1]; ++y) {
        visit(size_of((x * roi_[1] + y) * roi_[2]),
              size_of(((start[0] + x) * all[1] + start[1] + y) * all[2] + start[2]),
              size_of(roi_[2]));
      }
    }
  }
  void add_channel(const Extent& start, std::span<const float> prediction, std::span<float> sum) {
    for_rows(start, [&](std::size_t here, std::size_t there, std::size_t count) {
      for (std::size_t i = 0; i < count; ++i) {
        sum[there + i] += map_[here + i] * prediction[here + i];
      }
    });
  }

  FloatImage sums_, weights_;
  Extent roi_;
  std::vector<float> map_;
};

FloatImage cropped(const FloatImage& image, const Extent& start, const Extent& size) {
  FloatImage out(image.channels, size);
  crop<float>(image.values, image.channels, image.extent, start, size, out.values);
  return out;
}

void check(const SlidingWindow& window) {
  const bool positive = std::all_of(window.roi.begin(), window.roi.end(),
                                    [](std::int64_t length) { return length > 0; });
  if (!positive || !(window.overlap >= 0 && window.overlap < 1) || window.batch < 1) {
    throw ConfigError({.what = "the sliding window is not usable",
                       .expected = "roi above 0, overlap from 0 to below 1, batch of 1 or more",
                       .found = "overlap " + std::to_string(window.overlap) + ", batch " +
                                std::to_string(window.batch)});
  }
}

}  // namespace

Importance importance_from(std::string_view name) {
  if (name == "constant") return Importance::kConstant;
  if (name == "gaussian") return Importance::kGaussian;
  throw ConfigError({.what = "unknown importance map '" + std::string(name) + "'",
                     .expected = "constant or gaussian",
                     .found = std::string(name)});
}

std::vector<Extent> window_starts(const Extent& image, const SlidingWindow& window) {
  std::vector<Extent> starts;
  for (const auto x : axis_starts(image[0], window.roi[0], window.overlap)) {
    for (const auto y : axis_starts(image[1], window.roi[1], window.overlap)) {
      for (const auto z : axis_starts(image[2], window.roi[2], window.overlap)) {
        starts.push_back({x, y, z});
      }
    }
  }
  return starts;
}

std::vector<float> importance_map(const Extent& roi, Importance importance) {
  std::vector<float> map(size_of(voxels(roi)), 1.f);
  if (importance == Importance::kConstant) return map;
  std::array<std::vector<double>, 3> axes;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const double centre = static_cast<double>(roi[axis] - 1) / 2;
    const double sigma = 0.125 * static_cast<double>(roi[axis]);
    for (std::int64_t i = 0; i < roi[axis]; ++i) {
      const double distance = static_cast<double>(i) - centre;
      axes[axis].push_back(std::exp(-distance * distance / (2 * sigma * sigma)));
    }
  }
  std::size_t at = 0;
  for (const double x : axes[0]) {
    for (const double y : axes[1]) {
      for (const double z : axes[2]) map[at++] = static_cast<float>(x * y * z);
    }
  }
  const float least = std::max(*std::min_element(map.begin(), map.end()), 1e-3f);
  for (float& weight : map) weight = std::max(weight, least);
  return map;
}

FloatImage sliding_inference(const FloatImage& image, const SlidingWindow& window,
                             std::int64_t out_channels, const WindowNetwork& network) {
  check(window);
  const Extent frame = at_least(image.extent, window.roi);
  const Extent offset = centred_offset(image.extent, frame);
  const FloatImage padded = cropped(image, {-offset[0], -offset[1], -offset[2]}, frame);
  const std::vector<Extent> starts = window_starts(frame, window);
  Blend blend(out_channels, frame, window.roi, window.importance);

  const std::size_t roi = size_of(voxels(window.roi));
  const std::size_t in_size = roi * size_of(image.channels), out_size = roi * size_of(out_channels);
  std::vector<float> patches(in_size * size_of(window.batch)),
      outputs(out_size * size_of(window.batch));
  for (std::size_t first = 0; first < starts.size(); first += size_of(window.batch)) {
    const std::size_t count = std::min(size_of(window.batch), starts.size() - first);
    for (std::size_t i = 0; i < count; ++i) {
      crop<float>(padded.values, image.channels, frame, starts[first + i], window.roi,
                  std::span(patches).subspan(i * in_size, in_size));
    }
    network(std::span(patches).first(count * in_size), static_cast<std::int64_t>(count),
            std::span(outputs).first(count * out_size));
    for (std::size_t i = 0; i < count; ++i) {
      blend.add(starts[first + i], std::span(outputs).subspan(i * out_size, out_size));
    }
  }
  return cropped(blend.finish(), offset, image.extent);
}

}  // namespace collegium
