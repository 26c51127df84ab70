#include <ATen/TensorOperators.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/convolution_backward.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/im2col.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <torch/csrc/autograd/generated/Functions.h>

#include "torch/per_sample/node_rule.h"

namespace collegium::per_sample {
namespace {

using Convolution = ag::generated::ConvolutionBackward0;
constexpr std::size_t kWeight = 1, kBias = 2;

const Convolution& node_of(const Consumer& consumer) {
  return static_cast<const Convolution&>(*consumer.node);
}

// [rows, channels, ...] -> [rows of one sample, samples * channels, ...]: samples become groups.
at::Tensor as_groups(const at::Tensor& tensor, const Consumer& consumer) {
  Shape shape(tensor.sizes().begin(), tensor.sizes().end());
  shape[0] /= consumer.samples;
  shape[1] *= consumer.samples;
  return rows_of_samples(tensor, consumer.layout, consumer.samples)
      .transpose(0, 1)
      .reshape(shape)
      .contiguous();
}

Shape integers(const std::vector<c10::SymInt>& values) {
  Shape integers;
  for (const auto& value : values) integers.push_back(value.expect_int());
  return integers;
}

struct Geometry {
  Shape stride, padding, dilation;
  explicit Geometry(const Convolution& node)
      : stride(integers(node.stride)),
        padding(integers(node.padding)),
        dilation(integers(node.dilation)) {}
};

// ||sum_t b_t a_t'||^2 = sum_{s,t} (a_s' a_t)(b_s' b_t) over unfolded patches a and gradients b.
class ConvolutionGhost final : public GhostGradient {
 public:
  ConvolutionGhost(const Consumer& consumer, at::Tensor gradient)
      : layout_(consumer.layout),
        geometry_(node_of(consumer)),
        input_(node_of(consumer).input_.unpack()),
        weight_(node_of(consumer).weight_.unpack()),
        gradient_(std::move(gradient)) {}

  at::Tensor squared_norms() const override {
    const auto& [stride, padding, dilation] = geometry_;
    const auto a = at::im2col(input_, weight_.sizes().slice(2), dilation, padding, stride);
    const auto b = gradient_.flatten(2);
    return (at::bmm(a.transpose(1, 2), a) * at::bmm(b.transpose(1, 2), b)).sum({1, 2});
  }

  at::Tensor weighted_sum(const at::Tensor& factors) const override {
    const auto& [stride, padding, dilation] = geometry_;
    return std::get<1>(at::convolution_backward(
        scale_rows(gradient_, layout_, factors), drop_rows(input_, layout_, factors), weight_,
        std::nullopt, stride, padding, dilation, false, {0, 0}, 1, {false, true, false}));
  }

 private:
  RowLayout layout_;
  Geometry geometry_;
  at::Tensor input_, weight_, gradient_;
};

// Every sample's weight gradient from one grouped convolution: input [1, samples * channels, ...]
// and as many groups more. It reaches the fast kernels, which a batch of one does not.
class ConvolutionRule final : public NodeRule {
 public:
  bool covers(const Consumer& consumer, const Weight& weight) const override {
    return consumer.layout.axis == 0 && (weight.input == kWeight || weight.input == kBias);
  }

  at::Tensor rows(const Consumer& consumer, const Weight& weight,
                  const at::Tensor& gradient) const override {
    const auto& node = node_of(consumer);
    if (weight.input == kBias)
      return rows_of_samples(gradient.flatten(2).sum(2), consumer.layout, consumer.samples).sum(1);
    auto shape = weight.shape;
    shape[0] *= consumer.samples;
    const auto only_its_shape_is_read = at::empty(shape, gradient.options());
    const auto gradients = at::convolution_backward_symint(
        as_groups(gradient, consumer), as_groups(node.input_.unpack(), consumer),
        only_its_shape_is_read, std::nullopt, node.stride, node.padding, node.dilation,
        node.transposed, node.output_padding, node.groups * consumer.samples, {false, true, false});
    return parameter_rows(weight, std::get<1>(gradients).reshape({consumer.samples, -1}));
  }

  std::unique_ptr<GhostGradient> ghost(const Consumer& consumer, const Weight& weight,
                                       const at::Tensor& gradient, Ghost choice) const override {
    const auto& node = node_of(consumer);
    const bool known = weight.input == kWeight && !node.transposed &&
                       node.groups.expect_int() == 1 && gradient.dim() == 4 &&
                       gradient.size(0) == consumer.samples &&
                       weight.form == Weight::Form::parameter;
    if (!known || choice == Ghost::never) return nullptr;
    const auto outputs = weight.shape[0],
               inputs = weight.shape[1] * weight.shape[2] * weight.shape[3],
               positions = gradient.size(2) * gradient.size(3);
    if (choice != Ghost::always && !ghost_is_cheaper(positions, inputs, outputs)) return nullptr;
    return std::make_unique<ConvolutionGhost>(consumer, gradient);
  }
};

}  // namespace

const NodeRule* convolution_rule(const ag::Node& node) {
  static const ConvolutionRule rule;
  return typeid(node) == typeid(Convolution) ? &rule : nullptr;
}

}  // namespace collegium::per_sample
