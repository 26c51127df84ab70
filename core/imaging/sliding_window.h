#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "imaging/volume.h"

namespace collegium {

enum class Importance { kConstant, kGaussian };
Importance importance_from(std::string_view name);  // "constant" | "gaussian", else ConfigError

// A network sees a large image through overlapping windows and the predictions are averaged with
// weights w: out = sum(w y) / sum(w). The same windows and maps as MONAI's
// sliding_window_inference.
struct SlidingWindow {
  Extent roi{};
  double overlap = 0.5;  // [0, 1)
  Importance importance = Importance::kConstant;
  std::int64_t batch = 1;  // windows handed to the network at a time
};

// Steps of max(1, floor(roi (1 - overlap))) (roi where the image is as long as the roi), the last
// start moved back to end with the image; z fastest. `image` is at least `roi` on every axis.
std::vector<Extent> window_starts(const Extent& image, const SlidingWindow& window);

// 1, or prod over axes of exp(-(x - (r-1)/2)^2 / (2 (0.125 r)^2)) clamped below at max(its least,
// 1e-3).
std::vector<float> importance_map(const Extent& roi, Importance importance);

// Network: (count, in channels, roi) -> (count, out channels, roi), count <= window.batch.
using WindowNetwork = std::function<void(std::span<const float> patches, std::int64_t count,
                                         std::span<float> outputs)>;

// An image smaller than the roi is padded with 0, half before, and the padding is cropped again.
FloatImage sliding_inference(const FloatImage& image, const SlidingWindow& window,
                             std::int64_t out_channels, const WindowNetwork& network);

}  // namespace collegium
