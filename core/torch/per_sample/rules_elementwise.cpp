#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/generated/Functions.h>

#include "torch/per_sample/node_rule.h"

namespace collegium::per_sample {
namespace {

namespace gen = ag::generated;
using Embedding = gen::EmbeddingBackward0;

const Embedding& embedding_of(const Consumer& consumer) {
  return static_cast<const Embedding&>(*consumer.node);
}

// Indices [samples, T] and gradients [samples, T, width] of an embedding; the padding's are zero.
struct Lookups {
  at::Tensor indices, gradients;
  Lookups(const Consumer& consumer, const at::Tensor& gradient) {
    const auto& node = embedding_of(consumer);
    const auto samples = consumer.samples;
    indices = by_sample(node.indices_.unpack(), consumer.layout, samples).reshape({samples, -1});
    gradients = by_sample(gradient, consumer.layout, samples)
                    .reshape({samples, indices.size(1), gradient.size(-1)});
    const auto padding = node.padding_idx.expect_int();
    if (padding >= 0) gradients = gradients.masked_fill(indices.eq(padding).unsqueeze(2), 0);
  }
};

class EmbeddingGhost final : public GhostGradient {
 public:
  EmbeddingGhost(const Consumer& consumer, const Weight& weight, const at::Tensor& gradient)
      : lookups_(consumer, gradient), rows_(weight.shape[0]) {}

  // Two lookups meet only in the same row of the table.
  at::Tensor squared_norms() const override {
    const auto& [indices, gradients] = lookups_;
    const auto same = indices.unsqueeze(2).eq(indices.unsqueeze(1));
    return (at::bmm(gradients, gradients.transpose(1, 2)) * same).sum({1, 2});
  }
  at::Tensor weighted_sum(const at::Tensor& factors) const override {
    const auto& [indices, gradients] = lookups_;
    const auto width = gradients.size(2);
    return at::zeros({rows_, width}, gradients.options())
        .index_add_(0, indices.reshape({-1}),
                    scale_rows(gradients, {0, 1}, factors).reshape({-1, width}));
  }

 private:
  Lookups lookups_;
  std::int64_t rows_;
};

class EmbeddingRule final : public NodeRule {
 public:
  bool covers(const Consumer& consumer, const Weight&) const override {
    return consumer.layout.axis < embedding_of(consumer).indices_.unpack().dim();
  }
  at::Tensor rows(const Consumer& consumer, const Weight& weight,
                  const at::Tensor& gradient) const override {
    const Lookups lookups(consumer, gradient);
    const auto samples = consumer.samples, table = weight.shape[0], width = weight.shape[1];
    const auto first = at::arange(samples, lookups.indices.options()).unsqueeze(1) * table;
    const auto rows = at::zeros({samples * table, width}, gradient.options())
                          .index_add_(0, (lookups.indices + first).reshape({-1}),
                                      lookups.gradients.reshape({-1, width}));
    return parameter_rows(weight, rows.view({samples, -1}));
  }
  std::unique_ptr<GhostGradient> ghost(const Consumer& consumer, const Weight& weight,
                                       const at::Tensor& gradient, Ghost choice) const override {
    if (choice == Ghost::never || weight.form != Weight::Form::parameter) return nullptr;
    const auto lookups = gradient.numel() / (gradient.size(-1) * consumer.samples);
    if (choice != Ghost::always && lookups * lookups > 20 * weight.shape[0]) return nullptr;
    return std::make_unique<EmbeddingGhost>(consumer, weight, gradient);
  }
};

// y = x + w, x - w, x w, or w itself along new or longer axes: the gradient meets the weight
// element by element and is summed over what was broadcast.
class BroadcastRule final : public NodeRule {
 public:
  bool covers(const Consumer& consumer, const Weight& weight) const override {
    const auto rank = static_cast<std::int64_t>(output_shape(*consumer.node, 0).size());
    return is_broadcast_along(consumer.layout, rank, weight.shape);
  }
  at::Tensor rows(const Consumer& consumer, const Weight& weight,
                  const at::Tensor& gradient) const override {
    return parameter_rows(weight, sum_broadcast(contribution(*consumer.node, weight, gradient),
                                                consumer.layout, consumer.samples, weight.shape));
  }

 private:
  static at::Tensor contribution(const ag::Node& node, const Weight& weight,
                                 const at::Tensor& gradient) {
    const auto scaled = [&](const at::Scalar& alpha, int sign) {
      if (weight.input == 0) return gradient;
      return alpha.equal(1) && sign == 1 ? gradient : gradient * alpha * sign;
    };
    if (typeid(node) == typeid(gen::AddBackward0))
      return scaled(static_cast<const gen::AddBackward0&>(node).alpha, 1);
    if (typeid(node) == typeid(gen::SubBackward0))
      return scaled(static_cast<const gen::SubBackward0&>(node).alpha, -1);
    if (typeid(node) == typeid(gen::MulBackward0)) {
      const auto& product = static_cast<const gen::MulBackward0&>(node);
      return gradient * (weight.input == 0 ? product.other_ : product.self_).unpack();
    }
    return gradient;
  }
};

// Instance normalisation repeats its [channels] for every sample: [samples * channels].
class RepeatRule final : public NodeRule {
 public:
  bool covers(const Consumer& consumer, const Weight& weight) const override {
    const auto shape = output_shape(*consumer.node, 0);
    return shape.size() == 1 && weight.shape.size() == 1 && consumer.layout.outer == 1 &&
           shape[0] == consumer.samples * weight.shape[0];
  }
  at::Tensor rows(const Consumer& consumer, const Weight& weight,
                  const at::Tensor& gradient) const override {
    return parameter_rows(weight, gradient.view({consumer.samples, -1}));
  }
};

}  // namespace

const NodeRule* embedding_rule(const ag::Node& node) {
  static const EmbeddingRule rule;
  return typeid(node) == typeid(Embedding) ? &rule : nullptr;
}

bool counts_over_batch(const ag::Node& node) {
  return typeid(node) == typeid(Embedding) &&
         static_cast<const Embedding&>(node).scale_grad_by_freq;
}

const NodeRule* broadcast_rule(const ag::Node& node) {
  static const BroadcastRule broadcast;
  static const RepeatRule repeat;
  if (typeid(node) == typeid(gen::RepeatBackward0)) return &repeat;
  const bool known =
      typeid(node) == typeid(gen::AddBackward0) || typeid(node) == typeid(gen::SubBackward0) ||
      typeid(node) == typeid(gen::MulBackward0) || typeid(node) == typeid(gen::ExpandBackward0);
  return known ? &broadcast : nullptr;
}

}  // namespace collegium::per_sample
