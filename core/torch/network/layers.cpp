#include "torch/network/layers.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/linear.h>

#include <cmath>

#include "imaging/draws.h"

namespace collegium {
namespace {

using Shape = std::vector<std::int64_t>;

}  // namespace

at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                    std::int64_t stride) {
  const auto spatial = static_cast<std::size_t>(x.dim() - 2);
  const Shape strides(spatial, stride), padding(spatial, weight.size(-1) / 2), ones(spatial, 1),
      zeros(spatial, 0);
  return at::convolution(x, weight, bias, strides, padding, ones, false, zeros, 1);
}

at::Tensor group_norm(const at::Tensor& x, std::int64_t groups, const at::Tensor& weight,
                      const at::Tensor& bias) {
  constexpr double kEpsilon = 1e-5;
  return at::group_norm(x, groups, weight, bias, kEpsilon);
}

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return at::linear(x, weight, bias);
}

at::Tensor drop_channels(const at::Tensor& x, double p, const std::vector<std::uint64_t>& keys) {
  if (p <= 0 || keys.empty()) return x;
  auto mask = at::empty({x.size(0), x.size(1)}, at::kFloat);
  auto* at = mask.mutable_data_ptr<float>();
  for (const auto key : keys) {
    Draws draws(key, 0, 0, 0);
    for (std::int64_t c = 0; c < x.size(1); ++c)
      *at++ = draws.uniform() < p ? 0.0f : static_cast<float>(1 / (1 - p));
  }
  Shape shape(static_cast<std::size_t>(x.dim()), 1);
  shape[0] = x.size(0);
  shape[1] = x.size(1);
  return x * mask.to(x.options()).view(shape);
}

ParameterSpec weight_spec(std::string name, std::vector<std::int64_t> shape) {
  double fan_in = 1;
  for (std::size_t i = 1; i < shape.size(); ++i) fan_in *= static_cast<double>(shape[i]);
  return {.name = std::move(name), .shape = std::move(shape), .bound = 1 / std::sqrt(fan_in)};
}

ParameterSpec bias_spec(std::string name, std::int64_t size, std::int64_t fan_in) {
  return {.name = std::move(name),
          .shape = {size},
          .bound = 1 / std::sqrt(static_cast<double>(fan_in))};
}

}  // namespace collegium
