#include <algorithm>
#include <string>

#include "model/graph_batch_rules.h"

namespace collegium::batch_rules {
namespace {

using Kind = BatchOperand::Kind;

// Takes one more owner into what is known of a result.
bool agree(Answer& all, const SampleOwner& owner) {
  if (all && *all != owner) return false;
  all = owner;
  return true;
}

SampleOwner at(const SampleOwner& owner, std::size_t axis) {
  auto moved = owner;
  moved.axis = axis;
  return moved;
}

// Axes before the matrices of two factors broadcast; a row of the first or a column of the second
// goes through alone; what both are summed over may hold no samples.
Answer product(const Question& q, const BatchOperand& a, const BatchOperand& b) {
  const auto rank = q.shape.size();
  if (a.shape.size() < 2 || b.shape.size() < 2 || std::max(a.shape.size(), b.shape.size()) != rank)
    return std::nullopt;
  Answer all;
  if (a.owner.samples) {
    const auto axis = a.owner.axis + rank - a.shape.size();
    if (axis == rank - 1 || q.shape[axis] != a.shape[a.owner.axis]) return std::nullopt;
    if (!agree(all, at(a.owner, axis))) return std::nullopt;
  }
  if (b.owner.samples) {
    const auto axis = b.owner.axis + rank - b.shape.size();
    if (axis == rank - 2 || q.shape[axis] != b.shape[b.owner.axis]) return std::nullopt;
    if (!agree(all, at(b.owner, axis))) return std::nullopt;
  }
  return all;
}

}  // namespace

Answer multiplied(const Question& q) {
  if (q.op == "aten::matmul" || q.op == "aten::mm" || q.op == "aten::bmm")
    return product(q, q.operand(0), q.operand(1));
  if (q.op != "aten::addmm" && q.op != "aten::baddbmm") return std::nullopt;
  auto all = product(q, q.operand(1), q.operand(2));
  const auto& added = q.operand(0);
  if (!added.owner.samples) return all;
  if (!all || added.shape != q.shape || added.owner != *all) return std::nullopt;
  return all;
}

// "bhid,bhjd->bhij": the letter of the samples is the same in every factor that has them, and
// remains. Without an arrow or with an ellipsis nothing is said.
Answer einsum(const Question& q) {
  std::string equation = q.operand(0).text;
  std::erase(equation, ' ');
  const auto arrow = equation.find("->");
  if (arrow == std::string::npos || equation.find('.') != std::string::npos) return std::nullopt;
  const auto result = equation.substr(arrow + 2);
  std::size_t begin = 0;
  char letter = 0;
  std::int64_t inner = 0;
  for (const auto& factor : q.operand(1).list) {
    const auto end = std::min(equation.find(',', begin), arrow);
    if (begin > arrow) return std::nullopt;
    const auto letters = equation.substr(begin, end - begin);
    begin = end + 1;
    if (!factor.owner.samples) continue;
    if (letters.size() != factor.shape.size()) return std::nullopt;
    const char own = letters[factor.owner.axis];
    if (std::ranges::count(letters, own) != 1) return std::nullopt;
    if (letter != 0 && (own != letter || factor.owner.inner != inner)) return std::nullopt;
    letter = own;
    inner = factor.owner.inner;
  }
  const auto place = result.find(letter);
  if (letter == 0 || place == std::string::npos) return std::nullopt;
  return SampleOwner{.samples = true, .axis = place, .inner = inner};
}

// softmax(Q K' + mask) V over the last two axes; the others broadcast.
Answer attention(const Question& q) {
  const auto rank = q.shape.size();
  Answer all;
  for (std::size_t i = 0; i < 4; ++i) {
    const auto& x = q.operand(i);
    if (!x.owner.samples) continue;
    if (x.shape.size() > rank) return std::nullopt;
    const auto axis = x.owner.axis + rank - x.shape.size();
    if (axis + 2 >= rank || q.shape[axis] != x.shape[x.owner.axis]) return std::nullopt;
    if (!agree(all, at(x.owner, axis))) return std::nullopt;
  }
  return all;
}

Answer recurrent(const Question& q) {
  const auto& x = q.operand(0);
  const auto& batch_first = q.operand(8);
  if (x.shape.size() != 3 || batch_first.kind != Kind::number || has_samples(q.operand(2)))
    return std::nullopt;
  const std::size_t axis = batch_first.number != 0 ? 0 : 1;
  std::int64_t inner = 0;
  if (x.owner.samples) {
    if (x.owner.axis != axis) return std::nullopt;
    inner = x.owner.inner;
  }
  const auto& states = q.operand(1);
  for (const auto& state : states.kind == Kind::list ? states.list : std::vector{states}) {
    if (!state.owner.samples) continue;
    if (state.owner.axis != 1 || (inner != 0 && state.owner.inner != inner)) return std::nullopt;
    inner = state.owner.inner;
  }
  return SampleOwner{.samples = true, .axis = q.result == 0 ? axis : 1, .inner = inner};
}

// table[:, rows, columns]: neighbouring axes give way to those of the indices.
Answer indexed(const Question& q) {
  const auto& x = q.operand(0);
  const auto& indices = q.operand(1).list;
  std::size_t first = indices.size(), count = 0, rank = 0;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (indices[i].kind != Kind::tensor) continue;
    if (count == 0) first = i;
    if (first + count != i) return std::nullopt;
    ++count;
    rank = std::max(rank, indices[i].shape.size());
  }
  if (count == 0) return std::nullopt;
  if (x.owner.samples) {
    const auto axis = x.owner.axis;
    if (has_samples(q.operand(1)) || (axis >= first && axis < first + count)) return std::nullopt;
    return at(x.owner, axis < first ? axis : axis - count + rank);
  }
  if (count != 1) return std::nullopt;
  return at(indices[first].owner, first + indices[first].owner.axis);
}

Answer gathered(const Question& q) {
  const auto& x = q.operand(0);
  if (q.op == "aten::one_hot") return x.owner;
  const auto& index = q.operand(2);
  const auto along = axis_of(q.operand(1), x.shape.size());
  if (!along) return std::nullopt;
  if (q.op == "aten::index_select") {
    if (!x.owner.samples) return at(index.owner, *along);
    return index.owner.samples || x.owner.axis == *along ? std::nullopt : Answer(x.owner);
  }
  const auto& owner = x.owner.samples ? x.owner : index.owner;  // gather: place by place
  if (x.owner.samples && index.owner.samples && x.owner != index.owner) return std::nullopt;
  if (owner.axis == *along || x.shape.size() != index.shape.size() ||
      x.shape[owner.axis] != index.shape[owner.axis])
    return std::nullopt;
  return owner;
}

}  // namespace collegium::batch_rules
