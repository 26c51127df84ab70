#pragma once
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>

#include <cstddef>
#include <optional>
#include <vector>

#include "model/graph.h"
#include "model/graph_operators.h"

namespace collegium::graph {

// One argument of a call, ready to be pushed on the dispatcher's stack.
struct Operand {
  enum class Kind : std::uint8_t { constant, value, device, list };
  enum class Element : std::uint8_t { tensor, optional_tensor, integer, any };
  Kind kind = Kind::constant;
  Element element = Element::any;  // of a list
  std::size_t value = 0;
  c10::TypeKind expects = c10::TypeKind::AnyType;  // of a value
  c10::IValue constant = {};
  std::vector<Operand> list = {};  // holds at least one value
};

// One node of a program, fitted to its operator's schema: an operand for every formal argument.
struct Call {
  const GraphNode* node = nullptr;
  const GraphOperator* facts = nullptr;        // none: arithmetic on sizes, or grad_mode
  std::optional<c10::OperatorHandle> op = {};  // none: likewise
  std::vector<Operand> operands = {};
  std::vector<std::size_t> release = {};  // values that nobody needs afterwards
};

// Finds the operator and fits the arguments. Throws DataError: not allowed, not in this build of
// torch, or an argument that does not fit; `where` is the place in the graph.
Call fit_call(const GraphNode& node, const std::string& where);

at::ScalarType scalar_type(ElementKind kind);

}  // namespace collegium::graph
