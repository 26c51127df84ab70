#pragma once
#include "torch/network/network.h"

namespace collegium {

// The encoder-decoder backbone of Myronenko (2018), "3D MRI brain tumor segmentation using
// autoencoder regularization", with the parameter names, order and arithmetic of MONAI's SegResNet,
// so that weights are exchanged both ways.
//
// convInit, spatial dropout; levels i = 0..3 of residual blocks (norm, relu, conv, norm, relu,
// conv, + identity) with f 2^i channels, each but the first entered by a convolution of stride 2;
// upwards: 1x1 convolution, trilinear x2,
// + the encoder's level, residual blocks; norm, relu, 1x1 convolution with bias. No final sigmoid.
class SegResNet final : public Network {
 public:
  struct Options {
    std::int64_t in_channels = 4, out_channels = 3, init_filters = 8;
    double dropout = 0.2;
    std::vector<int> blocks_down = {1, 2, 2, 4}, blocks_up = {1, 1, 1};
    std::int64_t groups = 8;
  };

  explicit SegResNet(Options options);  // ConfigError: filters that the groups do not divide
  const std::vector<ParameterSpec>& parameters() const override { return parameters_; }
  // x: [batch, in_channels, d, h, w], every extent a multiple of 2^(levels - 1); DataError
  // otherwise.
  at::Tensor forward(const at::Tensor& x, const std::vector<at::Tensor>& w,
                     const Pass& pass) const override;
  std::string head() const override { return "conv_final."; }
  std::int64_t divisor() const override {
    return std::int64_t{1} << (options_.blocks_down.size() - 1);
  }

 private:
  Options options_;
  std::vector<ParameterSpec> parameters_;
  std::size_t up_samples_ =
      0;  // place of the first up_samples weight: they follow all of up_layers
};

}  // namespace collegium
