#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/graph_operators.h"

namespace collegium {

// Which sample each element of a tensor depends on. Nobody: on sizes, weights and constants alone.
// Otherwise the element at place c of `axis` depends on sample (c / inner) % samples and on no
// other, so that a batch may be folded into an axis together with heads or windows and come out
// again.
struct SampleOwner {
  bool samples = false;
  std::size_t axis = 0;
  std::int64_t inner = 1;
  bool operator==(const SampleOwner&) const = default;
};

// An argument of a call as the analysis sees it.
struct BatchOperand {
  enum class Kind : std::uint8_t { none, tensor, number, text, list };
  Kind kind = Kind::none;
  std::vector<std::int64_t> shape = {};  // of a tensor
  SampleOwner owner = {};                // of a tensor
  std::int64_t number = 0;
  std::string text = {};
  std::vector<BatchOperand> list = {};
};

// The owners of one result of a call, from the operator's rule; nothing: samples may meet in it.
// Operands stand in the order of the operator's schema. A proof for these shapes only: sizes may be
// computed from sizes, so other shapes are another question.
std::optional<SampleOwner> result_owner(const GraphOperator& op,
                                        std::span<const BatchOperand> operands, std::size_t result,
                                        const std::vector<std::int64_t>& shape,
                                        std::int64_t samples);

}  // namespace collegium
