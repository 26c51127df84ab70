#include "torch/network/small_networks.h"

#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/relu.h>

#include <numeric>

#include "collegium/error.h"
#include "torch/network/layers.h"

namespace collegium {

Mlp::Mlp(std::vector<std::int64_t> widths) {
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
    head_ = "layers." + std::to_string(i) + ".";
    parameters_.push_back(weight_spec(head_ + "weight", {widths[i + 1], widths[i]}));
    parameters_.push_back(bias_spec(head_ + "bias", widths[i + 1], widths[i]));
  }
}

at::Tensor Mlp::forward(const at::Tensor& input, const std::vector<at::Tensor>& w,
                        const Pass&) const {
  auto x = input.flatten(1);
  if (x.size(1) != w[0].size(-1))
    throw DataError({.what = "the inputs do not fit the network",
                     .expected = std::to_string(w[0].size(-1)) + " features",
                     .found = std::to_string(x.size(1)),
                     .remedy = "set [network] in_channels"});
  for (std::size_t i = 0; i < w.size(); i += 2) {
    if (i > 0) x = at::relu(x);
    x = linear(x, w[i], w[i + 1]);
  }
  return x;
}

SmallCnn::SmallCnn(std::int64_t in_channels, std::int64_t out_channels, std::int64_t width,
                   double dropout)
    : dropout_(dropout) {
  for (int i = 0; i < 3; ++i) {
    const auto name = "blocks." + std::to_string(i) + ".";
    const auto channels = width << i;
    parameters_.push_back(weight_spec(name + "conv.weight", {channels, in_channels, 3, 3}));
    parameters_.push_back({.name = name + "norm.weight", .shape = {channels}, .fill = 1});
    parameters_.push_back({.name = name + "norm.bias", .shape = {channels}});
    in_channels = channels;
  }
  parameters_.push_back(weight_spec("head.weight", {out_channels, in_channels}));
  parameters_.push_back(bias_spec("head.bias", out_channels, in_channels));
}

at::Tensor SmallCnn::forward(const at::Tensor& input, const std::vector<at::Tensor>& w,
                             const Pass& pass) const {
  if (input.dim() != 4 || input.size(2) < 8 || input.size(3) < 8)
    throw DataError({.what = "the inputs do not fit the network",
                     .expected = "[batch, channels, height, width], 8 x 8 or more",
                     .found = c10::str(input.sizes())});
  auto x = input;
  for (std::size_t i = 0; i < 9; i += 3) {
    const auto groups = std::gcd<std::int64_t>(w[i + 1].size(-1), 8);
    x = at::relu(group_norm(convolve(x, w[i], {}), groups, w[i + 1], w[i + 2]));
    if (i == 0) x = drop_channels(x, dropout_, pass.dropout_keys);
    x = at::avg_pool2d(x, {2, 2});
  }
  return linear(x.mean({2, 3}), w[9], w[10]);
}

}  // namespace collegium
