#include "torch/graph/random_call.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/ivalue_inl.h>
#include <ATen/ops/_scaled_dot_product_attention_math.h>
#include <ATen/ops/cat.h>

#include "collegium/error.h"

namespace collegium::graph {
namespace {

using c10::IValue;
using Operands = std::vector<IValue>;

std::optional<IValue> attention(Operands& operands, const DrawKeys& keys) {
  const double p = operands[4].toDouble();
  operands[4] = 0.0;
  if (p == 0 || keys.samples.empty()) return std::nullopt;
  const auto query = operands[0].toTensor(), key = operands[1].toTensor();
  auto shape = query.sizes().vec();
  shape.back() = key.size(-2);
  const auto kept = dropout_mask(shape, p, keys).to(query.device()).to(at::kBool);
  return std::get<0>(at::_scaled_dot_product_attention_math(
      query, key, operands[2].toTensor(), operands[3].toOptional<at::Tensor>(), p,
      operands[5].toBool(), kept, operands[6].toOptional<double>(), operands[7].toBool()));
}

// lstm, gru and rnn: (input, hx, params, has_biases, num_layers, dropout, train, bidirectional,
// batch_first) -> (output, hidden states). Dropout lies between the layers, so they go one by one.
std::optional<IValue> recurrent(const Call& call, Operands& operands, const DrawKeys& keys) {
  const double p = operands[5].toDouble();
  operands[5] = 0.0;
  const auto layers = operands[4].toInt();
  if (p == 0 || keys.samples.empty() || !operands[6].toBool() || layers < 2) return std::nullopt;
  const auto states = operands[1].isTensor() ? std::vector<at::Tensor>{operands[1].toTensor()}
                                             : operands[1].toTensorVector();
  const auto parameters = operands[2].toTensorVector();
  const auto directions = operands[7].toBool() ? 2 : 1;
  if (parameters.size() % static_cast<std::size_t>(layers * directions) != 0)
    throw DataError({.what = "the layers of a recurrent network have unlike parameters"});
  const auto width = parameters.size() / static_cast<std::size_t>(layers);
  auto x = operands[0].toTensor();
  std::vector<std::vector<at::Tensor>> after(states.size());
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    if (layer > 0) {
      const DrawKeys of_layer{keys.samples, keys.call + (static_cast<std::uint64_t>(layer) << 32)};
      x = x * dropout_mask(x.sizes(), p, of_layer).to(x.options());
    }
    c10::List<at::Tensor> before;
    for (const auto& state : states)
      before.push_back(state.narrow(0, layer * directions, directions));
    Operands one = operands;
    one[0] = x;
    if (operands[1].isTensor())
      one[1] = before.get(0);
    else
      one[1] = before;
    const auto first = parameters.begin() + layer * static_cast<std::int64_t>(width);
    one[2] = std::vector<at::Tensor>(first, first + static_cast<std::int64_t>(width));
    one[4] = 1;
    call.op->callBoxed(one);
    x = one[0].toTensor();
    for (std::size_t i = 0; i < after.size(); ++i) after[i].push_back(one[i + 1].toTensor());
  }
  Operands results{x};
  for (const auto& state : after) results.emplace_back(at::cat(state));
  return c10::ivalue::Tuple::create(std::move(results));
}

}  // namespace

std::optional<IValue> random_call(const Call& call, Operands& operands, const DrawKeys& keys,
                                  at::Device device) {
  if (call.facts->rule == BatchRule::attention) return attention(operands, keys);
  if (call.facts->rule == BatchRule::recurrent) return recurrent(call, operands, keys);
  return keyed_random(call.node->op, operands, keys, device);
}

}  // namespace collegium::graph
