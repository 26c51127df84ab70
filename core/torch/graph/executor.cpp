#include "torch/graph/executor.h"

#include <ATen/core/ivalue_inl.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <map>

#include "collegium/error.h"
#include "torch/graph/call_checks.h"
#include "torch/graph/memory_limit.h"
#include "torch/graph/random_call.h"
#include "torch/graph/size_arithmetic.h"

namespace collegium::graph {
namespace {

using c10::IValue;
using Memory = const c10::StorageImpl*;

Memory memory_of(const at::Tensor& tensor) {
  return tensor.defined() && tensor.has_storage() ? tensor.storage().unsafeGetStorageImpl()
                                                  : nullptr;
}

void each_value(const Operand& operand, const auto& visit) {
  if (operand.kind == Operand::Kind::value) visit(operand.value);
  for (const auto& item : operand.list) each_value(item, visit);
}

void each_literal(const Operand& operand, const auto& visit) {
  if (operand.kind == Operand::Kind::constant && operand.constant.isTensor())
    visit(operand.constant.toTensor());
  for (const auto& item : operand.list) each_literal(item, visit);
}

std::string shapes_of(const std::vector<at::Tensor>& tensors) {
  std::string shapes;
  for (const auto& tensor : tensors)
    shapes += (shapes.empty() ? "" : ", ") + c10::str(tensor.sizes());
  return shapes;
}

bool fits(const IValue& value, c10::TypeKind type) {
  using K = c10::TypeKind;
  switch (type) {
    case K::TensorType:
      return value.isTensor() && value.toTensor().defined();
    case K::IntType:
    case K::SymIntType:
      return value.isInt();
    case K::FloatType:
    case K::SymFloatType:
      return value.isDouble();
    case K::BoolType:
    case K::SymBoolType:
      return value.isBool();
    case K::NumberType:
      return value.isInt() || value.isDouble() || value.isBool();
    case K::ListType:
      return value.isTensorList();
    default:
      return type == K::AnyType;
  }
}

}  // namespace

// The values of one run.
class Executor::Frame {
 public:
  Frame(const Executor& executor, at::Device device)
      : executor_(executor), device_(device), values_(executor.program_.values) {}

  std::vector<IValue>& values() { return values_; }
  at::Device device() const { return device_; }

  void protect(const at::Tensor& tensor) {
    if (const auto memory = memory_of(tensor)) protected_.push_back(memory);
    versions_.emplace_back(tensor, tensor._version());
  }
  void allow_statistics(const at::Tensor& buffer) { statistics_.push_back(memory_of(buffer)); }

  IValue get(const Operand& operand) const {
    switch (operand.kind) {
      case Operand::Kind::constant:
        return operand.constant;
      case Operand::Kind::device:
        return device_;
      case Operand::Kind::value:
        if (!fits(values_[operand.value], operand.expects)) refuse("a value of another type");
        return values_[operand.value];
      case Operand::Kind::list:
        break;
    }
    return list(operand);
  }

  // Before a call: it may not write where it should not.
  void check_writes(const Call& call, const std::vector<IValue>& operands) const {
    if (call.facts->writes && is_protected(operands[0].toTensor()))
      refuse("a call that writes into a parameter, a constant or an input");
    if (!call.facts->running_statistics) return;
    for (const std::size_t i : {3, 4}) {
      if (operands[i].isNone()) continue;
      const auto memory = memory_of(operands[i].toTensor());
      if (std::ranges::find(statistics_, memory) == statistics_.end())
        refuse("running statistics that are not a buffer");
    }
  }

  // After all of them: nothing was.
  void check_versions() const {
    for (const auto& [tensor, version] : versions_)
      if (tensor._version() != version) refuse("a write into a parameter, a constant or an input");
  }

 private:
  bool is_protected(const at::Tensor& tensor) const {
    const auto memory = memory_of(tensor);
    return std::ranges::find(protected_, memory) != protected_.end() ||
           std::ranges::find(executor_.literals_, memory) != executor_.literals_.end();
  }

  IValue list(const Operand& operand) const {
    if (operand.element == Operand::Element::integer) {
      std::vector<std::int64_t> numbers;
      numbers.reserve(operand.list.size());
      for (const auto& item : operand.list) numbers.push_back(get(item).toInt());
      return numbers;
    }
    if (operand.element == Operand::Element::tensor) {
      c10::List<at::Tensor> tensors;
      for (const auto& item : operand.list) tensors.push_back(get(item).toTensor());
      return tensors;
    }
    if (operand.element == Operand::Element::optional_tensor) {
      c10::List<std::optional<at::Tensor>> tensors;
      for (const auto& item : operand.list) {
        auto value = get(item);
        tensors.push_back(value.isNone() ? std::nullopt : std::optional(value.toTensor()));
      }
      return tensors;
    }
    c10::impl::GenericList any(c10::AnyType::get());
    for (const auto& item : operand.list) any.push_back(get(item));
    return any;
  }

  [[noreturn]] static void refuse(std::string found) {
    throw DataError({.what = "the graph does what it may not", .found = std::move(found)});
  }

  const Executor& executor_;
  at::Device device_;
  std::vector<IValue> values_;
  std::vector<Memory> protected_, statistics_;
  std::vector<std::pair<at::Tensor, std::uint32_t>> versions_;
};

Executor::Executor(const GraphModel& model, const std::string& program, std::string source)
    : model_(model),
      program_(*model.program(program)),
      source_(std::move(source) + ", program " + program) {
  for (const auto& node : program_.nodes) {
    calls_.push_back(fit_call(node, where(calls_.size())));
    for (const auto& operand : calls_.back().operands)
      each_literal(operand, [&](const auto& number) { literals_.push_back(memory_of(number)); });
  }
  std::vector<bool> needed(program_.values);
  for (const auto output : program_.outputs) needed[output] = true;
  for (auto call = calls_.rbegin(); call != calls_.rend(); ++call) {
    const auto use = [&](std::size_t value) {
      if (!needed[value]) call->release.push_back(value);
      needed[value] = true;
    };
    if (call->node->out) use(*call->node->out);
    for (const auto& operand : call->operands) each_value(operand, use);
  }
}

std::string Executor::where(std::size_t call) const {
  return source_ + ", call " + std::to_string(call) + " (" + program_.nodes[call].op + ")";
}

void Executor::check_inputs(const std::vector<at::Tensor>& inputs) const {
  const auto refuse = [&](std::string what, std::string expected, std::string found) {
    throw DataError({.what = std::move(what),
                     .where = source_,
                     .expected = std::move(expected),
                     .found = std::move(found),
                     .remedy = "capture the model with an example of this shape"});
  };
  if (inputs.size() != program_.inputs.size())
    refuse("the graph takes another number of inputs", std::to_string(program_.inputs.size()),
           std::to_string(inputs.size()));
  std::map<std::string, std::int64_t> bound;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto& [name, value, type, shape] = program_.inputs[i];
    const auto& input = inputs[i];
    if (input.scalar_type() != scalar_type(type))
      refuse("input '" + name + "' has another type", std::string(name_of(type)),
             c10::toString(input.scalar_type()));
    if (static_cast<std::size_t>(input.dim()) != shape.size())
      refuse("input '" + name + "' has another number of axes", std::to_string(shape.size()),
             c10::str(input.sizes()));
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      const auto size = input.size(static_cast<std::int64_t>(axis));
      const auto& [fixed, symbol] = shape[axis];
      const auto wanted = symbol.empty() ? fixed : bound.try_emplace(symbol, size).first->second;
      const auto& range = symbol.empty() ? SizeRange{} : program_.sizes.at(symbol);
      if (size != wanted || size < range.low || size > range.high)
        refuse("input '" + name + "' has another size along axis " + std::to_string(axis),
               size != wanted ? std::to_string(wanted)
               : range.high == INT64_MAX
                   ? std::to_string(range.low) + " or more"
                   : std::to_string(range.low) + " to " + std::to_string(range.high),
               std::to_string(size));
    }
  }
}

std::vector<at::Tensor> Executor::run(const std::vector<at::Tensor>& bound,
                                      const std::vector<at::Tensor>& inputs,
                                      std::span<const std::uint64_t> keys,
                                      const Observer& observer) const {
  check_inputs(inputs);
  std::optional<MemoryLimit> limit;
  if (MemoryLimit::current() == 0) limit.emplace(MemoryLimit::of_this_machine());
  Frame frame(*this, inputs.front().device());
  auto& values = frame.values();
  for (std::size_t i = 0; i < bound.size(); ++i) {
    const auto& [value, place] = program_.bind[i];
    values[value] = bound[i];
    if (model_.tensors[place].kind == GraphTensor::Kind::buffer)
      frame.allow_statistics(bound[i]);
    else
      frame.protect(bound[i]);
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    values[program_.inputs[i].value] = inputs[i];
    frame.protect(inputs[i]);
  }
  const c10::AutoGradMode restored_at_the_end(c10::GradMode::is_enabled());
  std::vector<bool> modes;
  std::vector<IValue> stack, given;
  for (std::size_t at = 0; at < calls_.size(); ++at) {
    const auto& call = calls_[at];
    try {
      stack.clear();
      for (const auto& operand : call.operands) stack.push_back(frame.get(operand));
      if (observer) given = stack;
      if (call.facts != nullptr) {
        frame.check_writes(call, stack);
        check_operands(call, stack);
        auto drawn = call.facts->random ? random_call(call, stack, {keys, at}, frame.device())
                                        : std::nullopt;
        if (drawn) {
          values[*call.node->out] = std::move(*drawn);
        } else {
          call.op->callBoxed(stack);
          values[*call.node->out] = stack.size() == 1
                                        ? std::move(stack[0])
                                        : IValue(c10::ivalue::Tuple::create(
                                              std::vector<IValue>(stack.begin(), stack.end())));
        }
        check_extent(values[*call.node->out]);
      } else if (call.node->out) {
        values[*call.node->out] = size_arithmetic(call.node->op, stack);
      } else if (call.node->op == "sym::check") {
        if (!stack[0].isBool() || !stack[0].toBool())
          throw DataError({.what = "the inputs do not fit the network",
                           .expected = call.node->args[1].text,
                           .found = shapes_of(inputs)});
      } else if (!stack[0].toBool()) {
        modes.push_back(c10::GradMode::is_enabled());
        c10::GradMode::set_enabled(false);
      } else if (!modes.empty()) {
        c10::GradMode::set_enabled(modes.back());
        modes.pop_back();
      }
    } catch (const Error& error) {
      auto problem = error.problem();
      problem.where = where(at);
      throw DataError(std::move(problem));
    } catch (const c10::Error& error) {
      throw DataError({.what = "the network cannot be computed",
                       .where = where(at),
                       .found = error.what_without_backtrace()});
    } catch (const std::exception& error) {  // of a library under torch
      throw DataError(
          {.what = "the network cannot be computed", .where = where(at), .found = error.what()});
    }
    if (observer) observer(call, at, given, call.node->out ? values[*call.node->out] : IValue());
    for (const auto value : call.release) values[value] = {};
  }
  frame.check_versions();
  std::vector<at::Tensor> outputs;
  for (const auto output : program_.outputs) {
    if (!values[output].isTensor())
      throw DataError({.what = "an output of the graph is not a tensor", .where = source_});
    outputs.push_back(values[output].toTensor());
  }
  return outputs;
}

}  // namespace collegium::graph
