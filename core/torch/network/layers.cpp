#include "torch/network/layers.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/linear.h>

#include <cmath>

#include "imaging/draws.h"

namespace collegium {
namespace {

using Shape = std::vector<std::int64_t>;

// [C] -> [1, C, 1, ...] or [B, C] -> [B, C, 1, ...]: a value a channel, ready to meet x.
at::Tensor by_channel(const at::Tensor& value, std::int64_t rank) {
  Shape shape(static_cast<std::size_t>(rank), 1);
  if (value.dim() == 2) shape[0] = value.size(0);
  shape[1] = value.size(-1);
  return value.view(shape);
}

// Every sample has its own kernels: the batch becomes groups of one larger convolution.
at::Tensor convolve_each(const at::Tensor& x, const at::Tensor& weight, const Shape& stride,
                         const Shape& padding) {
  const auto batch = x.size(0), out = weight.size(1);
  const Shape ones(stride.size(), 1), zeros(stride.size(), 0);
  if (weight[0][0][0].numel() == 1 && stride == ones) {
    Shape shape(x.sizes().begin(), x.sizes().end());
    shape[1] = out;
    return at::bmm(weight.reshape({batch, out, x.size(1)}), x.reshape({batch, x.size(1), -1}))
        .view(shape);
  }
  Shape wide(x.sizes().begin(), x.sizes().end());
  wide[0] = 1;
  wide[1] = batch * x.size(1);
  const auto y = at::convolution(x.reshape(wide), weight.flatten(0, 1), {}, stride, padding, ones,
                                 false, zeros, batch);
  Shape shape(y.sizes().begin(), y.sizes().end());
  shape[0] = batch;
  shape[1] = out;
  return y.view(shape);
}

}  // namespace

at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                    std::int64_t stride) {
  const auto spatial = static_cast<std::size_t>(x.dim() - 2);
  const Shape strides(spatial, stride), padding(spatial, weight.size(-1) / 2), ones(spatial, 1),
      zeros(spatial, 0);
  const bool each = weight.dim() == x.dim() + 1;
  const bool shared_bias = bias.defined() && bias.dim() == 1 && !each;
  auto y = each ? convolve_each(x, weight, strides, padding)
                : at::convolution(x, weight, shared_bias ? bias : at::Tensor(), strides, padding,
                                  ones, false, zeros, 1);
  return bias.defined() && !shared_bias ? y + by_channel(bias, y.dim()) : y;
}

at::Tensor group_norm(const at::Tensor& x, std::int64_t groups, const at::Tensor& weight,
                      const at::Tensor& bias) {
  constexpr double kEpsilon = 1e-5;
  if (weight.dim() == 1 && bias.dim() == 1)
    return at::group_norm(x, groups, weight, bias, kEpsilon);
  return at::group_norm(x, groups, {}, {}, kEpsilon) * by_channel(weight, x.dim()) +
         by_channel(bias, x.dim());
}

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (weight.dim() == 2 && bias.dim() == 1) return at::linear(x, weight, bias);
  if (weight.dim() == 2) return at::linear(x, weight) + bias;
  return at::bmm(weight, x.unsqueeze(-1)).squeeze(-1) + bias;
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
  return x * by_channel(mask.to(x.options()), x.dim());
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
