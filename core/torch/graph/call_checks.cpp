#include "torch/graph/call_checks.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/ivalue_inl.h>
#include <ATen/ops/result_type.h>

#include <algorithm>
#include <limits>
#include <span>
#include <string>

#include "collegium/error.h"
#include "torch/graph/memory_limit.h"

namespace collegium::graph {
namespace {

using c10::IValue;
using Operands = std::vector<IValue>;
using Shape = std::vector<std::int64_t>;

constexpr std::int64_t kMaxPieces = 65'536;  // of one tensor; steps of a recurrent layer

[[noreturn]] void refuse(std::string what, std::string expected, std::string found) {
  throw DataError(
      {.what = std::move(what), .expected = std::move(expected), .found = std::move(found)});
}

void check_pieces(std::int64_t pieces) {
  if (pieces > kMaxPieces)
    refuse("the network takes a tensor into too many pieces",
           "at most " + std::to_string(kMaxPieces), std::to_string(pieces));
}

void check_split(const std::string& op, const Operands& operands) {
  const auto& x = operands[0].toTensor();
  const bool unbind = op == "aten::unbind.int";
  const auto axis = operands[unbind ? 1 : 2].toInt();
  const auto size = x.size(axis);
  if (unbind) return check_pieces(size);
  if (!operands[1].isInt()) return;  // as many sizes as stand in the graph
  const auto number = operands[1].toInt();
  const bool pieces = op != "aten::split.Tensor";
  check_pieces(pieces ? number : number > 0 ? size / number : 0);
}

// INT_MIN / -1 has no result, and the processor stops whoever asks for it.
void check_division(const Operands& operands) {
  const auto& dividend = operands[0].toTensor();
  const auto type = operands[1].isTensor() ? at::result_type(dividend, operands[1].toTensor())
                                           : at::result_type(dividend, operands[1].toScalar());
  if (type != at::kLong && type != at::kInt) return;
  const auto least = type == at::kLong ? std::numeric_limits<std::int64_t>::min()
                                       : std::int64_t{std::numeric_limits<std::int32_t>::min()};
  const bool by_minus_one = operands[1].isTensor()
                                ? (operands[1].toTensor().to(type) == -1).any().item().toBool()
                                : operands[1].toScalar().toLong() == -1;
  if (by_minus_one && (dividend.to(type) == least).any().item().toBool())
    refuse("the network divides integers beyond their range", "a quotient that has a value",
           std::to_string(least) + " / -1");
}

void check_indices(const Operands& operands) {
  for (const IValue& index : operands[1].toListRef())
    if (index.isTensor() && index.toTensor().defined() &&
        (index.toTensor().scalar_type() == at::kBool ||
         index.toTensor().scalar_type() == at::kByte))
      refuse("the shape of a result would tell of the data", "whole numbers as indices", "a mask");
}

void check_shape(const at::Tensor& tensor, const Shape& shape, const at::Tensor& like) {
  if (tensor.sizes() != at::IntArrayRef(shape) || tensor.scalar_type() != like.scalar_type())
    refuse("a recurrent layer has parameters or states that do not fit",
           c10::str(at::IntArrayRef(shape), " of ", like.scalar_type()),
           c10::str(tensor.sizes(), " of ", tensor.scalar_type()));
}

// (input, states, parameters, has_biases, num_layers, dropout, train, bidirectional, batch_first).
// Per layer and direction: weights of the input and of the state for all gates, biases of both, and
// for an LSTM with projections (Sak et al. 2014) what takes its state to the output.
void check_recurrent(const std::string& op, const Operands& operands) {
  const auto& x = operands[0].toTensor();
  const auto layers = operands[4].toInt();
  const std::int64_t directions = operands[7].toBool() ? 2 : 1;
  const std::int64_t batch_axis = operands[8].toBool() ? 0 : 1;
  const bool lstm = op.starts_with("aten::lstm");
  const std::int64_t gates = lstm ? 4 : op.starts_with("aten::gru") ? 3 : 1;
  const auto states = operands[1].isTensor() ? std::vector<at::Tensor>{operands[1].toTensor()}
                                             : operands[1].toTensorVector();
  const auto parameters = operands[2].toTensorVector();
  if (x.dim() != 3 || states.size() != (lstm ? 2u : 1u) || states[0].dim() != 3 ||
      states.back().dim() != 3 || layers < 1 || layers > std::ssize(parameters))
    refuse("a recurrent layer has an input or states that do not fit",
           "three axes, and a state of every layer",
           c10::str(x.sizes(), ", ", states.size(), " states, ", layers, " layers"));
  check_pieces(x.size(1 - batch_axis));
  const auto batch = x.size(batch_axis), output = states[0].size(2), hidden = states.back().size(2);
  check_shape(states[0], {layers * directions, batch, output}, x);
  check_shape(states.back(), {layers * directions, batch, hidden}, x);
  const bool biases = operands[3].toBool(), projected = output != hidden;
  const auto each = 2 + (biases ? 2 : 0) + (projected ? 1 : 0);
  if (std::ssize(parameters) != layers * directions * each || output < 1 || hidden < 1)
    refuse("a recurrent layer has another number of parameters",
           std::to_string(layers * directions * each), std::to_string(parameters.size()));
  auto parameter = parameters.begin();
  for (std::int64_t layer = 0; layer < layers; ++layer)
    for (std::int64_t direction = 0; direction < directions; ++direction) {
      const auto width = layer == 0 ? x.size(2) : output * directions;
      check_shape(*parameter++, {gates * hidden, width}, x);
      check_shape(*parameter++, {gates * hidden, output}, x);
      for (int bias = 0; biases && bias < 2; ++bias) check_shape(*parameter++, {gates * hidden}, x);
      if (projected) check_shape(*parameter++, {output, hidden}, x);
    }
}

void check_attention(const Operands& operands) {
  for (std::size_t i = 0; i < 3; ++i)
    if (operands[i].toTensor().dim() < 2)
      refuse("attention over a vector", "at least two axes",
             c10::str(operands[i].toTensor().sizes()));
}

bool divides_integers(const std::string& op) {
  return op.starts_with("aten::floor_divide") || op.starts_with("aten::remainder") ||
         op.starts_with("aten::fmod") || op.ends_with("_mode");
}

}  // namespace

std::vector<at::Tensor> tensors_of(const IValue& value) {
  if (value.isTensor()) return {value.toTensor()};
  std::vector<at::Tensor> tensors;
  const auto add = [&](const IValue& item) {
    for (auto& tensor : tensors_of(item)) tensors.push_back(std::move(tensor));
  };
  if (value.isTuple())
    for (const auto& item : value.toTupleRef().elements()) add(item);
  if (value.isTensorList())
    for (const auto& tensor : value.toTensorVector()) tensors.push_back(tensor);
  return tensors;
}

void check_operands(const Call& call, const Operands& operands) {
  const auto& op = call.node->op;
  switch (call.facts->rule) {
    case BatchRule::split:
      return check_split(op, operands);
    case BatchRule::indexed:
      return check_indices(operands);
    case BatchRule::recurrent:
      return check_recurrent(op, operands);
    case BatchRule::attention:
      return check_attention(operands);
    default:
      if (divides_integers(op)) check_division(operands);
  }
}

void check_extent(const IValue& result) {
  const auto limit = MemoryLimit::current();
  for (const auto& tensor : tensors_of(result)) {
    if (!tensor.defined()) continue;
    auto bytes = static_cast<std::int64_t>(tensor.element_size());
    for (const auto extent : tensor.sizes())
      if (extent < 0 || __builtin_mul_overflow(bytes, std::max<std::int64_t>(extent, 1), &bytes) ||
          bytes > limit)
        refuse("the network makes a tensor that is larger than it may be",
               "at most " + std::to_string(limit) + " bytes", c10::str(tensor.sizes()));
  }
}

}  // namespace collegium::graph
