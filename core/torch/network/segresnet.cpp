#include "torch/network/segresnet.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/upsample_trilinear3d.h>

#include "collegium/error.h"
#include "torch/network/layers.h"

namespace collegium {
namespace {

void add_norm(std::vector<ParameterSpec>& specs, const std::string& name, std::int64_t channels) {
  specs.push_back({.name = name + ".weight", .shape = {channels}, .fill = 1});
  specs.push_back({.name = name + ".bias", .shape = {channels}});
}

void add_block(std::vector<ParameterSpec>& specs, const std::string& name, std::int64_t channels) {
  add_norm(specs, name + ".norm1", channels);
  add_norm(specs, name + ".norm2", channels);
  for (const auto* conv : {".conv1", ".conv2"})
    specs.push_back(weight_spec(name + conv + ".conv.weight", {channels, channels, 3, 3, 3}));
}

// Hands out the parameters in declaration order.
class Reader {
 public:
  explicit Reader(const std::vector<at::Tensor>& tensors) : tensors_(tensors) {}
  const at::Tensor& next() { return tensors_[at_++]; }

  at::Tensor norm_relu(const at::Tensor& x, std::int64_t groups, const at::Tensor& weight,
                       const at::Tensor& bias) {
    return at::relu(group_norm(x, groups, weight, bias));
  }

  at::Tensor block(const at::Tensor& x, std::int64_t groups) {
    const auto &weight1 = next(), &bias1 = next(), &weight2 = next(), &bias2 = next(),
               &conv1 = next(), &conv2 = next();
    const auto y = convolve(norm_relu(x, groups, weight1, bias1), conv1, {});
    return convolve(norm_relu(y, groups, weight2, bias2), conv2, {}) + x;
  }

 private:
  const std::vector<at::Tensor>& tensors_;
  std::size_t at_ = 0;
};

}  // namespace

SegResNet::SegResNet(Options options) : options_(std::move(options)) {
  const auto& o = options_;
  if (o.init_filters < 1 || o.init_filters % o.groups != 0)
    throw ConfigError({.what = "init_filters cannot be normalised in groups",
                       .where = "[network] init_filters",
                       .expected = "a multiple of " + std::to_string(o.groups),
                       .found = std::to_string(o.init_filters)});
  if (o.blocks_up.size() + 1 != o.blocks_down.size())
    throw ConfigError({.what = "the levels of the network do not match",
                       .where = "[network] blocks_up",
                       .expected = std::to_string(o.blocks_down.size() - 1) + " numbers",
                       .found = std::to_string(o.blocks_up.size())});
  auto& specs = parameters_;
  specs.push_back(weight_spec("convInit.conv.weight", {o.init_filters, o.in_channels, 3, 3, 3}));
  const auto levels = o.blocks_down.size();
  for (std::size_t i = 0; i < levels; ++i) {
    const auto channels = o.init_filters << i;
    const auto level = "down_layers." + std::to_string(i) + ".";
    if (i > 0)
      specs.push_back(weight_spec(level + "0.conv.weight", {channels, channels / 2, 3, 3, 3}));
    for (int b = 1; b <= o.blocks_down[i]; ++b)
      add_block(specs, level + std::to_string(b), channels);
  }
  for (std::size_t j = 0; j + 1 < levels; ++j)
    for (int b = 0; b < o.blocks_up[j]; ++b)
      add_block(specs, "up_layers." + std::to_string(j) + "." + std::to_string(b),
                o.init_filters << (levels - 2 - j));
  up_samples_ = specs.size();
  for (std::size_t j = 0; j + 1 < levels; ++j) {
    const auto channels = o.init_filters << (levels - 2 - j);
    specs.push_back(weight_spec("up_samples." + std::to_string(j) + ".0.conv.weight",
                                {channels, 2 * channels, 1, 1, 1}));
  }
  add_norm(specs, "conv_final.0", o.init_filters);
  specs.push_back(
      weight_spec("conv_final.2.conv.weight", {o.out_channels, o.init_filters, 1, 1, 1}));
  specs.push_back(bias_spec("conv_final.2.conv.bias", o.out_channels, o.init_filters));
}

at::Tensor SegResNet::forward(const at::Tensor& input, const std::vector<at::Tensor>& w,
                              const Pass& pass) const {
  const auto& o = options_;
  const auto levels = o.blocks_down.size();
  for (std::int64_t axis = 2; axis < 5; ++axis)
    if (input.dim() != 5 || input.size(axis) % divisor() != 0)
      throw DataError(
          {.what = "this volume cannot be halved " + std::to_string(levels - 1) + " times",
           .expected = "[batch, channels, d, h, w] with extents that are multiples of " +
                       std::to_string(divisor()),
           .found = c10::str(input.sizes()),
           .remedy = "choose [training] crop and roi accordingly"});
  Reader read(w);
  auto x = drop_channels(convolve(input, read.next(), {}), o.dropout, pass.dropout_keys);
  std::vector<at::Tensor> down;
  for (std::size_t i = 0; i < levels; ++i) {
    if (i > 0) x = convolve(x, read.next(), {}, 2);
    for (int b = 0; b < o.blocks_down[i]; ++b) x = read.block(x, o.groups);
    down.push_back(x);
  }
  for (std::size_t j = 0; j + 1 < levels; ++j) {
    const auto& skip = down[levels - 2 - j];
    x = at::upsample_trilinear3d(convolve(x, w[up_samples_ + j], {}), skip.sizes().slice(2),
                                 false) +
        skip;
    for (int b = 0; b < o.blocks_up[j]; ++b) x = read.block(x, o.groups);
  }
  const auto* head = &w[up_samples_ + levels - 1];
  return convolve(read.norm_relu(x, o.groups, head[0], head[1]), head[2], head[3]);
}

}  // namespace collegium
