#include "torch/graph/size_arithmetic.h"

#include <ATen/core/ivalue_inl.h>

#include <cmath>
#include <limits>

#include "collegium/error.h"

namespace collegium::graph {
namespace {

using c10::IValue;
using Int = std::int64_t;

[[noreturn]] void refuse(std::string what) {
  throw DataError({.what = "the graph computes an impossible size", .found = std::move(what)});
}

const IValue& operand(const std::vector<IValue>& operands, std::size_t index) {
  if (index >= operands.size()) refuse("an operand is missing");
  return operands[index];
}

double real(const IValue& value) {
  if (value.isDouble()) return value.toDouble();
  if (value.isInt()) return static_cast<double>(value.toInt());
  if (value.isBool()) return value.toBool() ? 1 : 0;
  refuse("something that is not a number");
}

Int whole(double value) {
  if (!(std::abs(value) < 0x1p62)) refuse("a number beyond 64 bits");
  return static_cast<Int>(value);
}

bool boolean(const IValue& value) {
  if (!value.isBool()) refuse("something that is not true or false");
  return value.toBool();
}

Int floor_division(Int a, Int b) {
  if (b == 0) refuse("a division by zero");
  if (b == -1 && a == std::numeric_limits<Int>::min()) refuse("a number beyond 64 bits");
  const Int quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

Int of_integers(std::string_view op, Int a, Int b) {
  Int result = 0;
  bool overflow = false;
  if (op == "add")
    overflow = __builtin_add_overflow(a, b, &result);
  else if (op == "sub")
    overflow = __builtin_sub_overflow(a, b, &result);
  else if (op == "mul")
    overflow = __builtin_mul_overflow(a, b, &result);
  else if (op == "floordiv")
    return floor_division(a, b);
  else if (op == "mod")
    return b == -1 ? 0 : a - floor_division(a, b) * b;
  else if (op == "max")
    return std::max(a, b);
  else if (op == "min")
    return std::min(a, b);
  else if (op == "pow")
    return whole(std::pow(static_cast<double>(a), static_cast<double>(b)));
  else
    refuse("sym::" + std::string(op));
  if (overflow) refuse("a number beyond 64 bits");
  return result;
}

double of_reals(std::string_view op, double a, double b) {
  if (op == "add") return a + b;
  if (op == "sub") return a - b;
  if (op == "mul") return a * b;
  if (op == "max") return std::max(a, b);
  if (op == "min") return std::min(a, b);
  if (op == "pow") return std::pow(a, b);
  if (op == "floordiv") return std::floor(a / b);
  if (op == "mod") return a - std::floor(a / b) * b;
  refuse("sym::" + std::string(op));
}

IValue item(const IValue& from, const IValue& index) {
  if (!index.isInt()) refuse("an index that is not a number");
  const auto at = [&](std::size_t size) {
    const Int i = index.toInt() < 0 ? index.toInt() + static_cast<Int>(size) : index.toInt();
    if (i < 0 || i >= static_cast<Int>(size)) refuse("an index beyond the end");
    return static_cast<std::size_t>(i);
  };
  if (from.isTuple()) {
    const auto& elements = from.toTupleRef().elements();
    return elements[at(elements.size())];
  }
  if (!from.isList()) refuse("an index into something that is not a list");
  const auto list = from.toList();
  return list.get(at(list.size()));
}

IValue compared(std::string_view op, double a, double b) {
  if (op == "eq") return a == b;
  if (op == "ne") return a != b;
  if (op == "lt") return a < b;
  if (op == "le") return a <= b;
  if (op == "gt") return a > b;
  if (op == "ge") return a >= b;
  return {};
}

IValue size_of(const IValue& tensor, const IValue& axis) {
  if (!tensor.isTensor() || !axis.isInt()) refuse("the size of something that is not a tensor");
  return tensor.toTensor().size(axis.toInt());
}

}  // namespace

IValue size_arithmetic(std::string_view op, const std::vector<IValue>& operands) {
  const auto& a = operand(operands, 0);
  if (op == "aten::sym_size.int") return size_of(a, operand(operands, 1));
  op.remove_prefix(std::string_view("sym::").size());
  if (op == "tuple") return c10::ivalue::Tuple::create(a.toListRef().vec());
  if (op == "getitem") return item(a, operand(operands, 1));
  if (op == "not") return !boolean(a);
  if (op == "float") return real(a);
  if (op == "int") return a.isInt() ? a : IValue(whole(std::trunc(real(a))));
  if (op == "floor") return a.isInt() ? a : IValue(whole(std::floor(real(a))));
  if (op == "ceil") return a.isInt() ? a : IValue(whole(std::ceil(real(a))));
  if (op == "neg") return a.isInt() ? IValue(of_integers("sub", 0, a.toInt())) : IValue(-real(a));
  const auto& b = operand(operands, 1);
  if (op == "and") return boolean(a) && boolean(b);
  if (op == "or") return boolean(a) || boolean(b);
  if (op == "truediv") return real(a) / real(b);
  if (auto result = compared(op, real(a), real(b)); !result.isNone()) return result;
  if (a.isInt() && b.isInt()) return of_integers(op, a.toInt(), b.toInt());
  return of_reals(op, real(a), real(b));
}

}  // namespace collegium::graph
