#pragma once
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "collegium/layout.h"

namespace collegium::testing {

// Three layers, one of them with a frozen part, and a buffer.
inline Layout three_layers() {
  Layout layout;
  layout.add("stem.weight", {40});
  layout.add("stem.bias", {8});
  layout.add("body.weight", {30}, false);
  layout.add("body.bias", {6});
  layout.add("mean", {5}, false);
  layout.add("head.weight", {20});
  return layout;
}

inline std::vector<float> wave(std::size_t size, double scale, double phase = 0) {
  std::vector<float> gradient(size);
  for (std::size_t i = 0; i < size; ++i)
    gradient[i] = static_cast<float>(scale * std::sin(phase + 0.3 * static_cast<double>(i)));
  return gradient;
}

// What a patient might send who wants to count for more than one: zero in frozen slots.
inline std::vector<std::vector<float>> hostile_gradients(const Layout& layout) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kMax = std::numeric_limits<float>::max();
  constexpr float kDenormal = std::numeric_limits<float>::denorm_min();
  std::vector<std::vector<float>> all;
  for (const double scale : {0.0, 1e-45, 1e-38, 1e-20, 1e-3, 0.1, 1.0, 1e3, 1e20, 3e38})
    all.push_back(wave(layout.size(), scale));
  for (const float value : {kMax, -kMax, kDenormal, 1.0f, kNaN, kInfinity, -kInfinity}) {
    all.emplace_back(layout.size(), value);
    for (const std::size_t at : {std::size_t{0}, std::size_t{45}, layout.size() - 1}) {
      all.emplace_back(layout.size(), 0.0f).at(at) = value;
      all.push_back(wave(layout.size(), 0.7));
      all.back().at(at) = value;
    }
  }
  for (auto& gradient : all)
    for (const auto& slot : layout.slots())
      if (!slot.trainable)
        for (std::size_t i = 0; i < slot.size; ++i) gradient[slot.offset + i] = 0.0f;
  return all;
}

}  // namespace collegium::testing
