#include <ATen/TensorOperators.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mm.h>
#include <torch/csrc/autograd/generated/Functions.h>

#include <optional>

#include "torch/per_sample/node_rule.h"

namespace collegium::per_sample {
namespace {

namespace gen = ag::generated;

// y = left right (+ bias), a matrix or a stack of them.
struct Product {
  std::size_t left, right;  // the edges
  std::optional<std::size_t> bias;
};

Product edges_of(const ag::Node& node) {
  if (typeid(node) == typeid(gen::AddmmBackward0)) return {1, 2, 0};
  return {0, 1, {}};
}

// The operand beside the weight.
at::Tensor other_operand(const ag::Node& node, const Weight& weight) {
  const bool left = weight.input == edges_of(node).right;
  if (typeid(node) == typeid(gen::AddmmBackward0)) {
    const auto& addmm = static_cast<const gen::AddmmBackward0&>(node);
    return (left ? addmm.mat1_ : addmm.mat2_).unpack();
  }
  if (typeid(node) == typeid(gen::MmBackward0)) {
    const auto& mm = static_cast<const gen::MmBackward0&>(node);
    return (left ? mm.self_ : mm.mat2_).unpack();
  }
  const auto& bmm = static_cast<const gen::BmmBackward0&>(node);
  return (left ? bmm.self_ : bmm.mat2_).unpack();
}

bool is_plain(const ag::Node& node) {
  if (typeid(node) != typeid(gen::AddmmBackward0)) return true;
  const auto& addmm = static_cast<const gen::AddmmBackward0&>(node);
  return addmm.alpha.equal(1) && addmm.beta.equal(1);
}

class LinearGhost final : public GhostGradient {
 public:
  LinearGhost(const Consumer& consumer, const Weight& weight, at::Tensor gradient)
      : layout_(consumer.layout),
        samples_(consumer.samples),
        transposed_(weight.form == Weight::Form::transposed),
        input_(other_operand(*consumer.node, weight)),
        gradient_(std::move(gradient)) {}

  // ||sum_t a_t b_t'||^2 = sum_{s,t} (a_s' a_t)(b_s' b_t).
  at::Tensor squared_norms() const override {
    const auto a = rows_of_samples(input_, layout_, samples_),
               b = rows_of_samples(gradient_, layout_, samples_);
    if (a.size(1) == 1) {
      const auto norm = [](const at::Tensor& t) { return at::linalg_vector_norm(t, 2, {{1, 2}}); };
      return (norm(a) * norm(b)).square_();
    }
    return (at::bmm(a, a.transpose(1, 2)) * at::bmm(b, b.transpose(1, 2))).sum({1, 2});
  }

  at::Tensor weighted_sum(const at::Tensor& factors) const override {
    const auto a = drop_rows(input_, layout_, factors), b = scale_rows(gradient_, layout_, factors);
    return transposed_ ? at::mm(b.t(), a) : at::mm(a.t(), b);
  }

 private:
  RowLayout layout_;
  std::int64_t samples_;
  bool transposed_;
  at::Tensor input_, gradient_;
};

class LinearRule final : public NodeRule {
 public:
  bool covers(const Consumer& consumer, const Weight& weight) const override {
    const auto product = edges_of(*consumer.node);
    const auto rank = static_cast<std::int64_t>(output_shape(*consumer.node, 0).size());
    if (!is_plain(*consumer.node)) return false;
    if (weight.input == product.bias)
      return is_broadcast_along(consumer.layout, rank, weight.shape);
    return consumer.layout.axis == (weight.input == product.right ? rank - 2 : rank - 1);
  }

  at::Tensor rows(const Consumer& consumer, const Weight& weight,
                  const at::Tensor& gradient) const override {
    const auto product = edges_of(*consumer.node);
    if (weight.input == product.bias)
      return sum_broadcast(gradient, consumer.layout, consumer.samples, weight.shape);
    const auto other = other_operand(*consumer.node, weight);
    if (weight.input == product.left) {
      const auto rows = at::matmul(columns(gradient, consumer), columns(other, consumer).mT());
      return parameter_rows(weight, rows);
    }
    const auto a = positions(other, consumer), b = positions(gradient, consumer);
    if (weight.form == Weight::Form::transposed)
      return at::matmul(b.mT(), a).reshape({consumer.samples, -1});
    return at::matmul(a.mT(), b).reshape({consumer.samples, -1});
  }

  std::unique_ptr<GhostGradient> ghost(const Consumer& consumer, const Weight& weight,
                                       const at::Tensor& gradient, Ghost choice) const override {
    const bool known = weight.input == edges_of(*consumer.node).right && gradient.dim() == 2;
    if (!known || choice == Ghost::never) return nullptr;
    const auto positions = gradient.size(0) / consumer.samples;
    if (choice != Ghost::always && !ghost_is_cheaper(positions, weight.shape[0], weight.shape[1]))
      return nullptr;
    return std::make_unique<LinearGhost>(consumer, weight, gradient);
  }

 private:
  // [(stack,) rows, width] -> [samples, (stack,) rows of one sample, width].
  static at::Tensor positions(const at::Tensor& tensor, const Consumer& consumer) {
    const auto rows =
        by_sample(tensor, {tensor.dim() - 2, consumer.layout.outer}, consumer.samples);
    return rows.flatten(-3, -2);
  }
  // [(stack,) height, columns] -> [samples, (stack,) height, columns of one sample].
  static at::Tensor columns(const at::Tensor& tensor, const Consumer& consumer) {
    const auto rows =
        by_sample(tensor, {tensor.dim() - 1, consumer.layout.outer}, consumer.samples);
    return rows.flatten(-2, -1);
  }
};

}  // namespace

const NodeRule* linear_rule(const ag::Node& node) {
  static const LinearRule rule;
  const bool known = typeid(node) == typeid(gen::AddmmBackward0) ||
                     typeid(node) == typeid(gen::MmBackward0) ||
                     typeid(node) == typeid(gen::BmmBackward0);
  return known ? &rule : nullptr;
}

}  // namespace collegium::per_sample
