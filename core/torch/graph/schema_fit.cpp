#include <ATen/ops/scalar_tensor.h>
#include <c10/core/MemoryFormat.h>

#include <algorithm>

#include "collegium/error.h"
#include "torch/graph/call.h"

namespace collegium::graph {
namespace {

using Kind = GraphArgument::Kind;
using K = c10::TypeKind;

at::MemoryFormat memory_format(const std::string& name) {
  if (name == "contiguous") return at::MemoryFormat::Contiguous;
  if (name == "channels_last") return at::MemoryFormat::ChannelsLast;
  if (name == "channels_last_3d") return at::MemoryFormat::ChannelsLast3d;
  return at::MemoryFormat::Preserve;
}

bool is_integer(K kind) { return kind == K::IntType || kind == K::SymIntType; }

// Flags that change what kind of memory a result has: page-locked, or sparse.
bool is_memory_flag(const std::string& name) {
  return name == "pin_memory" || name == "sparse" || name == "sparse_grad";
}

// Numbers that stand for one of three ways. Whatever else they are, some operators take it for none
// of them and give back memory that nobody wrote to.
bool is_way(const std::string& name) {
  return name == "reduction" || name == "interpolation_mode" || name == "padding_mode";
}

class Fit {
 public:
  Fit(const GraphNode& node, const std::string& where) : node_(node), where_(where) {}

  void call(Call& call) const {
    const auto& formals = call.op->schema().arguments();
    if (node_.args.size() > formals.size())
      refuse("at most " + std::to_string(formals.size()) + " arguments",
             std::to_string(node_.args.size()));
    std::size_t named = 0;
    for (std::size_t i = 0; i < formals.size(); ++i) {
      const auto& formal = formals[i];
      const auto keyword = std::ranges::find(node_.kwargs, formal.name(),
                                             &std::pair<std::string, GraphArgument>::first);
      if (i < node_.args.size()) {
        call.operands.push_back(argument(node_.args[i], *formal.real_type(), formal.name()));
      } else if (keyword != node_.kwargs.end()) {
        call.operands.push_back(argument(keyword->second, *formal.real_type(), formal.name()));
        ++named;
      } else if (formal.default_value()) {
        call.operands.push_back({.constant = *formal.default_value()});
      } else {
        refuse("an argument '" + formal.name() + "'", "none");
      }
      check_meaning(call.operands.back(), formal.name());
    }
    if (named != node_.kwargs.size())
      refuse("keywords of this operator, each given once", "others");
  }

  // A size call has no schema: numbers, values, or one list of them.
  Operand plain(const GraphArgument& argument) const {
    switch (argument.kind) {
      case Kind::value:
        return {.kind = Operand::Kind::value, .value = argument.id()};
      case Kind::boolean:
        return {.constant = argument.integer != 0};
      case Kind::integer:
        return {.constant = argument.integer};
      case Kind::real:
        return {.constant = argument.real};
      case Kind::list: {
        Operand list{.kind = Operand::Kind::list};
        for (const auto& item : argument.list) list.list.push_back(plain(item));
        return list;
      }
      default:
        refuse("a number, a value or a list of them", "something else");
    }
  }

  [[noreturn]] void refuse(std::string expected, std::string found) const {
    throw DataError({.what = "the graph calls " + node_.op + " wrongly",
                     .where = where_,
                     .expected = std::move(expected),
                     .found = std::move(found)});
  }

 private:
  void check_meaning(const Operand& operand, const std::string& name) const {
    const bool flag = is_memory_flag(name), way = is_way(name) && !operand.constant.isString();
    if (!flag && !way) return;
    if (operand.kind != Operand::Kind::constant) refuse("a constant as '" + name + "'", "a value");
    if (flag && operand.constant.isBool() && operand.constant.toBool())
      refuse("no '" + name + "'", "true");
    if (way &&
        (!operand.constant.isInt() || operand.constant.toInt() < 0 || operand.constant.toInt() > 2))
      refuse("0, 1 or 2 as '" + name + "'", "something else");
  }

  Operand argument(const GraphArgument& given, const c10::Type& type,
                   const std::string& name) const {
    if (type.kind() == K::OptionalType) {
      if (given.kind == Kind::none) return {};
      return argument(given, *type.castRaw<c10::OptionalType>()->getElementType(), name);
    }
    const auto kind = type.kind();
    if (given.is_value()) return value(given, type, name);
    if (kind == K::ListType)
      return list(given, *type.castRaw<c10::ListType>()->getElementType(), name);
    if (kind == K::DeviceObjType && given.kind == Kind::device)
      return {.kind = Operand::Kind::device};
    return {.constant = constant(given, type, name)};
  }

  // Results of calls are tensors, lists of them, and numbers.
  Operand value(const GraphArgument& given, const c10::Type& type, const std::string& name) const {
    switch (type.kind()) {
      case K::TensorType:
      case K::IntType:
      case K::SymIntType:
      case K::FloatType:
      case K::SymFloatType:
      case K::BoolType:
      case K::SymBoolType:
      case K::NumberType:
        return {.kind = Operand::Kind::value, .value = given.id(), .expects = type.kind()};
      case K::ListType:
        if (type.castRaw<c10::ListType>()->getElementType()->kind() == K::TensorType)
          return {.kind = Operand::Kind::value, .value = given.id(), .expects = K::ListType};
        [[fallthrough]];
      default:
        misfit(type, name);
    }
  }

  c10::IValue constant(const GraphArgument& given, const c10::Type& type,
                       const std::string& name) const {
    const bool boolean = given.kind == Kind::boolean, integer = given.kind == Kind::integer,
               real = given.kind == Kind::real;
    switch (type.kind()) {
      case K::TensorType:
        if (boolean || integer || real) return wrapped_number(given);
        break;
      case K::IntType:
      case K::SymIntType:
        if (integer || boolean) return given.integer;
        break;
      case K::ScalarTypeType:
        if (given.kind == Kind::element_kind)
          return static_cast<std::int64_t>(scalar_type(static_cast<ElementKind>(given.integer)));
        break;
      case K::MemoryFormatType:
        if (given.kind == Kind::memory_format)
          return static_cast<std::int64_t>(memory_format(given.text));
        break;
      case K::LayoutType:
        if (given.kind == Kind::layout) return static_cast<std::int64_t>(at::kStrided);
        break;
      case K::FloatType:
      case K::SymFloatType:
        if (real) return given.real;
        if (integer) return static_cast<double>(given.integer);
        break;
      case K::BoolType:
      case K::SymBoolType:
        if (boolean) return given.integer != 0;
        break;
      case K::NumberType:
        if (boolean) return given.integer != 0;
        if (integer) return given.integer;
        if (real) return given.real;
        break;
      case K::StringType:
        if (given.kind == Kind::text) return given.text;
        break;
      default:
        break;
    }
    misfit(type, name);
  }

  // As Python's numbers: they do not decide the type of a result.
  static at::Tensor wrapped_number(const GraphArgument& given) {
    auto number = given.kind == Kind::boolean   ? at::scalar_tensor(given.integer != 0, at::kBool)
                  : given.kind == Kind::integer ? at::scalar_tensor(given.integer, at::kLong)
                                                : at::scalar_tensor(given.real, at::kDouble);
    number.unsafeGetTensorImpl()->set_wrapped_number(true);
    return number;
  }

  Operand list(const GraphArgument& given, const c10::Type& element,
               const std::string& name) const {
    const bool optional = element.kind() == K::OptionalType;
    const auto& inner =
        optional ? *element.castRaw<c10::OptionalType>()->getElementType() : element;
    if (given.kind == Kind::integer && is_integer(inner.kind()))  // int[3] stride = 1
      return {.constant = c10::IValue(std::vector<std::int64_t>{given.integer})};
    if (given.kind != Kind::list) misfit(element, name);
    const bool tensors = inner.kind() == K::TensorType;
    const bool values = std::ranges::any_of(given.list, &GraphArgument::is_value);
    if (tensors || values) {
      if (!tensors && !is_integer(inner.kind())) misfit(element, name);
      Operand list{.kind = Operand::Kind::list,
                   .element = !tensors   ? Operand::Element::integer
                              : optional ? Operand::Element::optional_tensor
                                         : Operand::Element::tensor};
      for (const auto& item : given.list) list.list.push_back(argument(item, element, name));
      return list;
    }
    if (is_integer(inner.kind())) return {.constant = constants<std::int64_t>(given, inner, name)};
    if (inner.kind() == K::FloatType) return {.constant = constants<double>(given, inner, name)};
    if (inner.kind() == K::BoolType) return {.constant = constants<bool>(given, inner, name)};
    misfit(element, name);
  }

  template <class T>
  c10::IValue constants(const GraphArgument& given, const c10::Type& type,
                        const std::string& name) const {
    c10::List<T> values;
    for (const auto& item : given.list) values.push_back(constant(item, type, name).to<T>());
    return values;
  }

  [[noreturn]] void misfit(const c10::Type& type, const std::string& name) const {
    refuse("a " + type.str() + " as '" + name + "'", "an argument of another type");
  }

  const GraphNode& node_;
  const std::string& where_;
};

}  // namespace

at::ScalarType scalar_type(ElementKind kind) {
  constexpr at::ScalarType kTypes[] = {at::kFloat, at::kDouble, at::kHalf,  at::kBFloat16,
                                       at::kLong,  at::kInt,    at::kShort, at::kChar,
                                       at::kByte,  at::kBool};
  return kTypes[static_cast<std::size_t>(kind)];
}

Call fit_call(const GraphNode& node, const std::string& where) {
  Call call{.node = &node};
  const Fit fit(node, where);
  if (node.op == "grad_mode") {
    if (node.args.size() != 1 || node.args[0].kind != Kind::boolean || !node.kwargs.empty())
      fit.refuse("true or false", "something else");
    call.operands.push_back(fit.plain(node.args[0]));
    return call;
  }
  if (node.op == "sym::check") {
    if (node.args.size() != 2 || !node.args[0].is_value() || node.args[1].kind != Kind::text ||
        !node.kwargs.empty())
      fit.refuse("a condition and a text", "something else");
    call.operands.push_back(fit.plain(node.args[0]));
    return call;
  }
  if (is_size_operator(node.op)) {
    if (!node.kwargs.empty()) fit.refuse("no keywords", node.kwargs.front().first);
    for (const auto& argument : node.args) call.operands.push_back(fit.plain(argument));
    return call;
  }
  call.facts = find_graph_operator(node.op);
  if (call.facts == nullptr)
    throw DataError({.what = "the graph calls an operator that is not allowed",
                     .where = where,
                     .expected = "one of the operators in docs/graph_models.md",
                     .found = node.op,
                     .remedy = "write the module with other operators"});
  const auto dot = node.op.find('.');
  call.op = c10::Dispatcher::singleton().findSchema(
      {node.op.substr(0, dot), dot == std::string::npos ? "" : node.op.substr(dot + 1)});
  if (!call.op)
    throw DataError({.what = "this build of torch does not have an operator of the graph",
                     .where = where,
                     .found = node.op,
                     .remedy = "install the torch version that the graph was captured with"});
  const auto& formals = call.op->schema().arguments();
  for (std::size_t i = 0; i < formals.size(); ++i) {
    const bool written = formals[i].alias_info() && formals[i].alias_info()->isWrite();
    if (written != (i == 0 && call.facts->writes))
      fit.refuse("an operator that writes what it is known to write", "another version of it");
  }
  fit.call(call);
  if (call.facts->writes && call.operands[0].kind != Operand::Kind::value)
    fit.refuse("a value to write into", "a constant");
  return call;
}

}  // namespace collegium::graph
