#pragma once
#include "torch/network/network.h"

namespace collegium {

// Fully connected layers with relu between them; inputs of more than one axis are flattened.
// Parameters are named layers.{i}.{weight,bias}; with two widths only this is linear or logistic
// regression.
class Mlp final : public Network {
 public:
  explicit Mlp(std::vector<std::int64_t> widths);  // inputs, hidden ..., outputs
  const std::vector<ParameterSpec>& parameters() const override { return parameters_; }
  at::Tensor forward(const at::Tensor& x, const std::vector<at::Tensor>& w,
                     const Pass& pass) const override;
  std::string head() const override { return head_; }

 private:
  std::vector<ParameterSpec> parameters_;
  std::string head_;
};

// Images: three times (3x3 convolution, group norm, relu, 2x2 mean) with width, 2 width, 4 width
// channels, then the mean over the image and a linear layer.
class SmallCnn final : public Network {
 public:
  SmallCnn(std::int64_t in_channels, std::int64_t out_channels, std::int64_t width, double dropout);
  const std::vector<ParameterSpec>& parameters() const override { return parameters_; }
  at::Tensor forward(const at::Tensor& x, const std::vector<at::Tensor>& w,
                     const Pass& pass) const override;
  std::string head() const override { return "head."; }

 private:
  double dropout_;
  std::vector<ParameterSpec> parameters_;
};

}  // namespace collegium
