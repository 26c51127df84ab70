#include "torch/graph/batch_analysis.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue_inl.h>

#include "torch/graph/call_checks.h"

namespace collegium::graph {
namespace {

using c10::IValue;

BatchOperand of_tensor(const at::Tensor& tensor, const SampleOwner& owner) {
  if (!tensor.defined()) return {};
  return {.kind = BatchOperand::Kind::tensor, .shape = tensor.sizes().vec(), .owner = owner};
}

BatchOperand of_number(std::int64_t number) {
  return {.kind = BatchOperand::Kind::number, .number = number};
}

// Anything without samples in it.
BatchOperand of_value(const IValue& value) {
  if (value.isTensor()) return of_tensor(value.toTensor(), {});
  if (value.isInt()) return of_number(value.toInt());
  if (value.isBool()) return of_number(value.toBool());
  if (value.isString()) return {.kind = BatchOperand::Kind::text, .text = value.toStringRef()};
  BatchOperand list{.kind = BatchOperand::Kind::list};
  if (value.isIntList()) {
    for (const auto number : value.toIntVector()) list.list.push_back(of_number(number));
    return list;
  }
  return {};
}

}  // namespace

BatchAnalysis::BatchAnalysis(const GraphProgram& program, std::int64_t samples)
    : program_(program), samples_(samples), owners_(program.values) {
  for (const auto& [value, place] : program.bind) owners_[value] = {SampleOwner{}};
  for (const auto& input : program.inputs)
    owners_[input.value] = {{.samples = true, .axis = 0, .inner = 1}};
}

void BatchAnalysis::meet(std::string where) {
  if (meeting_.empty()) meeting_ = std::move(where);
}

BatchOperand BatchAnalysis::operand(const Operand& given, const IValue& value) const {
  if (given.kind == Operand::Kind::value) {
    const auto& owners = owners_[given.value];
    if (value.isTensor()) return of_tensor(value.toTensor(), owners.at(0));
    const auto tensors = tensors_of(value);
    if (tensors.empty()) return of_value(value);
    BatchOperand list{.kind = BatchOperand::Kind::list};
    for (std::size_t i = 0; i < tensors.size(); ++i)
      list.list.push_back(of_tensor(tensors[i], owners.at(i)));
    return list;
  }
  if (given.kind != Operand::Kind::list) return of_value(value);
  BatchOperand list{.kind = BatchOperand::Kind::list};
  const auto items = value.toList();
  for (std::size_t i = 0; i < given.list.size(); ++i)
    list.list.push_back(operand(given.list[i], items.get(i)));
  return list;
}

// Tuples are made and taken apart; everything else here is about sizes, which are nobody's. What is
// not one tensor or number after another is not followed.
void BatchAnalysis::follow_sizes(const Call& call, std::size_t at,
                                 const std::vector<IValue>& operands, const IValue& result) {
  auto& owners = owners_[*call.node->out];
  const auto unclear = [&] { meet("call " + std::to_string(at) + " (" + call.node->op + ")"); };
  const auto& from = call.operands[0];
  if (call.node->op == "sym::tuple") {
    if (from.kind != Operand::Kind::list) return unclear();
    const auto elements = result.toTupleRef().elements().vec();
    for (std::size_t i = 0; i < elements.size(); ++i) {
      const auto& element = elements[i];
      if (element.isTuple() || element.isList()) return unclear();
      const bool tensor = element.isTensor();
      if (tensor && from.list[i].kind != Operand::Kind::value) return unclear();
      owners.push_back(tensor ? owners_[from.list[i].value].at(0) : SampleOwner{});
    }
  } else if (call.node->op == "sym::getitem") {
    if (!result.isTensor()) return result.isTuple() || result.isList() ? unclear() : void();
    if (from.kind != Operand::Kind::value) return unclear();
    const auto& all = owners_[from.value];
    const auto index = operands[1].toInt();
    owners = {all.at(static_cast<std::size_t>(
        index < 0 ? index + static_cast<std::int64_t>(all.size()) : index))};
  }
}

void BatchAnalysis::follow(const Call& call, std::size_t at, const std::vector<IValue>& operands,
                           const IValue& result) {
  if (!meeting_.empty() || !call.node->out) return;
  if (call.facts == nullptr) return follow_sizes(call, at, operands, result);
  std::vector<BatchOperand> given;
  for (std::size_t i = 0; i < operands.size(); ++i)
    given.push_back(operand(call.operands[i], operands[i]));
  auto& owners = owners_[*call.node->out];
  const auto tensors = tensors_of(result);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!tensors[i].defined()) {
      owners.emplace_back();
      continue;
    }
    const auto owner = result_owner(*call.facts, given, i, tensors[i].sizes().vec(), samples_);
    if (!owner) return meet("call " + std::to_string(at) + " (" + call.node->op + ")");
    owners.push_back(*owner);
  }
}

void BatchAnalysis::finish(const std::vector<at::Tensor>& outputs) {
  if (!meeting_.empty()) return;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto& owners = owners_[program_.outputs[i]];
    const auto owner = owners.at(0);
    const bool rows = outputs[i].dim() > 0 && outputs[i].size(0) == samples_ &&
                      (!owner.samples || (owner.axis == 0 && owner.inner == 1));
    if (!rows) meet("output " + std::to_string(i));
  }
}

}  // namespace collegium::graph
