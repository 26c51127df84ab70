#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "torch/network/network.h"

namespace collegium {

// The layers the built-in networks are made of.

// Convolution over any number of spatial axes, "same" padding for odd kernels; `bias` may be
// undefined.
at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                    std::int64_t stride = 1);

at::Tensor group_norm(const at::Tensor& x, std::int64_t groups, const at::Tensor& weight,
                      const at::Tensor& bias);

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

// Whole channels to zero with probability p, the others times 1 / (1 - p); one key a sample, none:
// x as it is.
at::Tensor drop_channels(const at::Tensor& x, double p, const std::vector<std::uint64_t>& keys);

// Specs in torch's default initialisation: fan_in = inputs times kernel voxels.
ParameterSpec weight_spec(std::string name, std::vector<std::int64_t> shape);
ParameterSpec bias_spec(std::string name, std::int64_t size, std::int64_t fan_in);

}  // namespace collegium
