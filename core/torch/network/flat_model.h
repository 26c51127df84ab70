#pragma once
#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

#include "collegium/layout.h"

namespace collegium {

// The parameters of a network as views of one flat vector and their gradients as views of another,
// so that backward fills a contiguous gradient without a copy and an optimizer is one loop over two
// spans. The views are detached autograd leaves whose `.grad` is preset: zero the gradient, never
// unset it. Frozen slots take no gradient.
class FlatModel {
 public:
  explicit FlatModel(const Layout& layout, at::Device device = at::kCPU,
                     at::ScalarType type = at::kFloat);

  const std::vector<at::Tensor>& parameters() const { return parameters_; }  // in Layout order
  void load(std::span<const float> values);
  void store(std::span<float> values) const;
  void zero_gradient();

  // The flat vectors in place; float32 on the CPU only.
  std::span<float> values();
  std::span<float> gradient();
  const at::Tensor& flat() const { return flat_; }
  const at::Tensor& flat_gradient() const { return gradient_; }

 private:
  at::Tensor flat_, gradient_;
  std::vector<at::Tensor> parameters_;
};

}  // namespace collegium
