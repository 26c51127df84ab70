#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/places.h"

namespace collegium::testing {

inline nlohmann::json reference(const std::string& name) {
  return nlohmann::json::parse(std::ifstream(test_data(name)));
}

// f(0), f(1), ... in double, rounded to float32, in this shape.
template <class F>
at::Tensor formula(const std::vector<std::int64_t>& shape, F f, at::ScalarType type = at::kFloat) {
  std::int64_t size = 1;
  for (const auto extent : shape) size *= extent;
  auto values = at::arange(size, at::kDouble);
  auto* v = values.mutable_data_ptr<double>();
  for (std::int64_t i = 0; i < size; ++i) v[i] = f(static_cast<double>(i));
  return values.to(at::kFloat).to(type).view(shape);
}

}  // namespace collegium::testing
