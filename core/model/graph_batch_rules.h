#pragma once
#include "model/graph_batch.h"

// One function a BatchRule: the owners of a result whose call has at least one argument with
// samples in it; nothing where that is not certain.
namespace collegium::batch_rules {

struct Question {
  std::string_view op;
  std::span<const BatchOperand> operands;
  std::size_t result;
  const std::vector<std::int64_t>& shape;  // of the result
  std::int64_t samples;

  const BatchOperand& operand(std::size_t i) const;  // beyond the end: one of kind none
  std::size_t rank(std::size_t operand) const { return this->operand(operand).shape.size(); }
};

using Answer = std::optional<SampleOwner>;

// graph_batch_rules.cpp: what keeps the axes where they are, or drops some.
Answer same(const Question& q);
Answer pointwise(const Question& q);
Answer rows(const Question& q);
Answer last_axis(const Question& q);
Answer normalised(const Question& q);
Answer along_dim(const Question& q);
Answer over_dim(const Question& q);
Answer matrix(const Question& q);
Answer padded(const Question& q);

// graph_batch_views.cpp: what moves axes.
Answer reshaped(const Question& q);
Answer transposed(const Question& q);
Answer permuted(const Question& q);
Answer unsqueezed(const Question& q);
Answer squeezed(const Question& q);
Answer expanded(const Question& q);
Answer repeated(const Question& q);
Answer selected(const Question& q);
Answer sliced(const Question& q);
Answer split(const Question& q);
Answer joined(const Question& q);
Answer stacked(const Question& q);

// graph_batch_products.cpp: what brings tensors together.
Answer multiplied(const Question& q);
Answer einsum(const Question& q);
Answer attention(const Question& q);
Answer recurrent(const Question& q);
Answer indexed(const Question& q);
Answer gathered(const Question& q);

// Helpers.
bool has_samples(const BatchOperand& operand);
bool nobody_from(const Question& q, std::size_t first);  // operands first.. have no samples in them
// An axis counted from the end if negative; nothing: not a number, or beyond the rank.
std::optional<std::size_t> axis_of(const BatchOperand& number, std::size_t rank);
// The same for a number or a list of them, as flags by axis; nothing: none given.
std::optional<std::vector<bool>> axes_of(const BatchOperand& numbers, std::size_t rank);

}  // namespace collegium::batch_rules
