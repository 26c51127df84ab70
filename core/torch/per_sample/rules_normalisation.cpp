#include <ATen/TensorOperators.h>
#include <ATen/ops/bmm.h>
#include <torch/csrc/autograd/generated/Functions.h>

#include <functional>
#include <numeric>

#include "torch/per_sample/node_rule.h"

namespace collegium::per_sample {
namespace {

namespace gen = ag::generated;
using GroupNorm = gen::NativeGroupNormBackward0;
using LayerNorm = gen::NativeLayerNormBackward0;
using RmsNorm = gen::FusedRmsNormBackward0;
using BatchNorm = gen::NativeBatchNormBackward0;

// Nodes keep their inputs and outputs through unpack(), which is not const.
template <class N>
N& node_of(const Consumer& consumer) {
  return static_cast<N&>(*consumer.node);
}

// sum over positions of x y: [rows, channels, ...] twice -> [rows, channels], without a product in
// memory.
at::Tensor sum_of_products(const at::Tensor& x, const at::Tensor& y) {
  const auto rows = x.size(0), channels = x.size(1), positions = x.numel() / (rows * channels);
  return at::bmm(x.reshape({rows * channels, 1, positions}),
                 y.reshape({rows * channels, positions, 1}))
      .view({rows, channels});
}

at::Tensor sum_of_positions(const at::Tensor& x) { return x.dim() == 2 ? x : x.flatten(2).sum(2); }

at::Tensor sum_of_sample(const at::Tensor& per_row, const Consumer& consumer) {
  return rows_of_samples(per_row, consumer.layout, consumer.samples).sum(1);
}

// y = w xhat + b with xhat = (x - mean) rstd a channel of a row: the gradient of w is
// (sum g x - mean sum g) rstd over the positions of a channel, that of b is sum g.
at::Tensor channel_rows(const Consumer& consumer, bool bias, const at::Tensor& gradient,
                        const at::Tensor& input, const at::Tensor& mean, const at::Tensor& rstd) {
  const auto sums = sum_of_positions(gradient);
  if (bias) return sum_of_sample(sums, consumer);
  return sum_of_sample((sum_of_products(gradient, input) - sums * mean) * rstd, consumer);
}

class GroupNormRule final : public NodeRule {
 public:
  bool covers(const Consumer& consumer, const Weight& weight) const override {
    return consumer.layout.axis == 0 && weight.input > 0;
  }
  at::Tensor rows(const Consumer& consumer, const Weight& weight,
                  const at::Tensor& gradient) const override {
    auto& node = node_of<GroupNorm>(consumer);
    const auto channels = node.C.expect_int() / node.group;
    const auto of_channels =
        [&](const at::Tensor& of_groups) {  // [rows, groups] -> [rows, channels]
          return of_groups.repeat_interleave(channels, 1);
        };
    return parameter_rows(weight,
                          channel_rows(consumer, weight.input == 2, gradient, node.input_.unpack(),
                                       of_channels(node.result1_.unpack(consumer.node)),
                                       of_channels(node.result2_.unpack(consumer.node))));
  }
};

// In evaluation the statistics are constants. In training this node is instance normalisation,
// whose weights are repeated for every sample and meet their samples at that repetition.
class BatchNormRule final : public NodeRule {
 public:
  bool covers(const Consumer& consumer, const Weight& weight) const override {
    return !node_of<BatchNorm>(consumer).training && consumer.layout.axis == 0 && weight.input > 0;
  }
  at::Tensor rows(const Consumer& consumer, const Weight& weight,
                  const at::Tensor& gradient) const override {
    auto& node = node_of<BatchNorm>(consumer);
    return parameter_rows(
        weight, channel_rows(consumer, weight.input == 2, gradient, node.input_.unpack(),
                             node.running_mean_.unpack().unsqueeze(0),
                             (node.running_var_.unpack() + node.eps).rsqrt_().unsqueeze(0)));
  }
};

// Normalisation over the last axes, which the weight spans; mean and rstd have one element a row.
bool rows_lie_before(const Consumer& consumer, const Weight& weight) {
  const auto rank = static_cast<std::int64_t>(output_shape(*consumer.node, 0).size());
  return weight.input > 0 &&
         consumer.layout.axis < rank - static_cast<std::int64_t>(weight.shape.size());
}

at::Tensor tail_rows(const Consumer& consumer, const Weight& weight, const at::Tensor& product) {
  return parameter_rows(weight,
                        sum_broadcast(product, consumer.layout, consumer.samples, weight.shape));
}

class LayerNormRule final : public NodeRule {
 public:
  bool covers(const Consumer& consumer, const Weight& weight) const override {
    return rows_lie_before(consumer, weight);
  }
  at::Tensor rows(const Consumer& consumer, const Weight& weight,
                  const at::Tensor& gradient) const override {
    if (weight.input == 2) return tail_rows(consumer, weight, gradient);
    auto& node = node_of<LayerNorm>(consumer);
    const auto mean = node.result1_.unpack(consumer.node),
               rstd = node.result2_.unpack(consumer.node);
    return tail_rows(consumer, weight, (node.input_.unpack() - mean).mul_(rstd).mul_(gradient));
  }
};

class RmsNormRule final : public NodeRule {
 public:
  bool covers(const Consumer& consumer, const Weight& weight) const override {
    return rows_lie_before(consumer, weight);
  }
  at::Tensor rows(const Consumer& consumer, const Weight& weight,
                  const at::Tensor& gradient) const override {
    auto& node = node_of<RmsNorm>(consumer);
    return tail_rows(consumer, weight,
                     (node.input_.unpack() * node.result1_.unpack(consumer.node)).mul_(gradient));
  }
};

template <class N>
bool trains(const ag::Node& node) {
  return typeid(node) == typeid(N) && static_cast<const N&>(node).training;
}

}  // namespace

const NodeRule* normalisation_rule(const ag::Node& node) {
  static const GroupNormRule group;
  static const LayerNormRule layer;
  static const RmsNormRule rms;
  static const BatchNormRule batch;
  if (typeid(node) == typeid(GroupNorm)) return &group;
  if (typeid(node) == typeid(LayerNorm)) return &layer;
  if (typeid(node) == typeid(RmsNorm)) return &rms;
  if (typeid(node) == typeid(BatchNorm)) return &batch;
  return nullptr;
}

bool takes_batch_statistics(const ag::Node& node) {
  return trains<BatchNorm>(node) || trains<gen::NativeBatchNormLegitBackward0>(node) ||
         trains<gen::NativeBatchNormLegitBackward1>(node) ||
         trains<gen::CudnnBatchNormBackward0>(node) ||
         trains<gen::MiopenBatchNormBackward0>(node) ||
         typeid(node) == typeid(gen::BatchNormWithUpdateBackward0);
}

}  // namespace collegium::per_sample
