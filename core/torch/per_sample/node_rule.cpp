#include "torch/per_sample/node_rule.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/where.h>

namespace collegium::per_sample {
namespace {

// [samples] -> a value for each row, ready to meet `tensor`.
at::Tensor along_rows(const at::Tensor& factors, RowLayout layout, const at::Tensor& tensor) {
  const auto inner = tensor.size(0) / (layout.outer * factors.size(0));
  Shape shape(static_cast<std::size_t>(tensor.dim()), 1);
  shape[0] = tensor.size(0);
  return factors.view({1, -1, 1})
      .expand({layout.outer, factors.size(0), inner})
      .reshape(shape)
      .to(tensor.scalar_type());
}

}  // namespace

GhostGradient::~GhostGradient() = default;
NodeRule::~NodeRule() = default;

std::unique_ptr<GhostGradient> NodeRule::ghost(const Consumer&, const Weight&, const at::Tensor&,
                                               Ghost) const {
  return nullptr;
}

const NodeRule* find_rule(const ag::Node& node) {
  for (const auto find :
       {convolution_rule, linear_rule, normalisation_rule, embedding_rule, broadcast_rule})
    if (const auto* rule = find(node)) return rule;
  return nullptr;
}

at::Tensor parameter_rows(const Weight& weight, const at::Tensor& rows) {
  const auto samples = rows.size(0);
  if (weight.form != Weight::Form::transposed) return rows.reshape({samples, -1});
  return rows.reshape({samples, weight.shape[0], weight.shape[1]})
      .transpose(1, 2)
      .reshape({samples, -1});
}

at::Tensor scale_rows(const at::Tensor& tensor, RowLayout layout, const at::Tensor& factors) {
  return drop_rows(tensor, layout, factors) * along_rows(factors, layout, tensor);
}

at::Tensor drop_rows(const at::Tensor& tensor, RowLayout layout, const at::Tensor& factors) {
  const auto dropped = factors.eq(0);
  if (!dropped.any().item<bool>()) return tensor;
  return tensor.masked_fill(along_rows(dropped, layout, tensor).to(at::kBool), 0);
}

bool ghost_is_cheaper(std::int64_t positions, std::int64_t inputs, std::int64_t outputs) {
  const auto t = static_cast<double>(positions), d = static_cast<double>(inputs),
             p = static_cast<double>(outputs);
  return t * t * (d + p) < 20 * d * p;
}

}  // namespace collegium::per_sample
