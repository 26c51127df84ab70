#include "model/graph_batch.h"

#include "model/graph_batch_rules.h"

namespace collegium {

using namespace batch_rules;

namespace {

bool any_samples(std::span<const BatchOperand> operands) {
  for (const auto& operand : operands)
    if (operand.owner.samples || any_samples(operand.list)) return true;
  return false;
}

Answer by_rule(const GraphOperator& op, const Question& question) {
  switch (op.rule) {
    case BatchRule::mixes:
      return std::nullopt;
    case BatchRule::constant:
      return SampleOwner{};
    case BatchRule::same:
      return same(question);
    case BatchRule::pointwise:
      return pointwise(question);
    case BatchRule::rows:
    case BatchRule::batch_norm:
      return rows(question);
    case BatchRule::last_axis:
      return last_axis(question);
    case BatchRule::normalised:
      return normalised(question);
    case BatchRule::along_dim:
      return along_dim(question);
    case BatchRule::over_dim:
      return over_dim(question);
    case BatchRule::reshaped:
      return reshaped(question);
    case BatchRule::transposed:
      return transposed(question);
    case BatchRule::permuted:
      return permuted(question);
    case BatchRule::unsqueezed:
      return unsqueezed(question);
    case BatchRule::squeezed:
      return squeezed(question);
    case BatchRule::expanded:
      return expanded(question);
    case BatchRule::repeated:
      return repeated(question);
    case BatchRule::selected:
      return selected(question);
    case BatchRule::sliced:
      return sliced(question);
    case BatchRule::split:
      return split(question);
    case BatchRule::joined:
      return joined(question);
    case BatchRule::stacked:
      return stacked(question);
    case BatchRule::padded:
      return padded(question);
    case BatchRule::multiplied:
      return multiplied(question);
    case BatchRule::einsum:
      return einsum(question);
    case BatchRule::attention:
      return attention(question);
    case BatchRule::recurrent:
      return recurrent(question);
    case BatchRule::indexed:
      return indexed(question);
    case BatchRule::gathered:
      return gathered(question);
    case BatchRule::matrix:
      return matrix(question);
  }
  return std::nullopt;
}

}  // namespace

std::optional<SampleOwner> result_owner(const GraphOperator& op,
                                        std::span<const BatchOperand> operands, std::size_t result,
                                        const std::vector<std::int64_t>& shape,
                                        std::int64_t samples) {
  if (!any_samples(operands)) return SampleOwner{};
  const auto answer = by_rule(op, {op.name, operands, result, shape, samples});
  if (!answer) return std::nullopt;
  if (answer->samples && (answer->axis >= shape.size() || answer->inner < 1 ||
                          shape[answer->axis] % (answer->inner * samples) != 0))
    return std::nullopt;
  // Other views of memory that is written keep what was said of them only if its owners stay.
  if (op.writes && *answer != operands[0].owner) return std::nullopt;
  return answer;
}

}  // namespace collegium
