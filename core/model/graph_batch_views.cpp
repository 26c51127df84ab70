#include <algorithm>

#include "model/graph_batch_rules.h"

namespace collegium::batch_rules {
namespace {

using Kind = BatchOperand::Kind;

std::int64_t elements_behind(const std::vector<std::int64_t>& shape, std::size_t axis) {
  std::int64_t product = 1;
  for (std::size_t i = axis + 1; i < shape.size(); ++i) product *= shape[i];
  return product;
}

// The first argument, when it alone has samples.
const BatchOperand* alone(const Question& q) {
  const auto& x = q.operand(0);
  return x.owner.samples && nobody_from(q, 1) ? &x : nullptr;
}

Answer moved(SampleOwner owner, std::size_t axis) {
  owner.axis = axis;
  return owner;
}

// By a permutation: place i of the result is axis order[i] of the argument.
Answer by_order(const BatchOperand& x, const std::vector<std::size_t>& order) {
  const auto found = std::ranges::find(order, x.owner.axis);
  if (order.size() != x.shape.size() || found == order.end()) return std::nullopt;
  return moved(x.owner, static_cast<std::size_t>(found - order.begin()));
}

}  // namespace

// Elements stay in order. Element f belongs to sample (f / stride) % samples, where stride is the
// number of elements that one step of the owner's place lasts; the same must hold of an axis of the
// result.
Answer reshaped(const Question& q) {
  const auto* x = alone(q);
  if (x == nullptr) return std::nullopt;
  const auto stride = elements_behind(x->shape, x->owner.axis) * x->owner.inner;
  if (stride == 0) return std::nullopt;
  for (std::size_t axis = 0; axis < q.shape.size(); ++axis) {
    const auto behind = elements_behind(q.shape, axis);
    if (behind == 0 || stride % behind != 0) continue;
    const auto inner = stride / behind;
    if (q.shape[axis] > 0 && q.shape[axis] % (inner * q.samples) == 0)
      return SampleOwner{.samples = true, .axis = axis, .inner = inner};
  }
  return std::nullopt;
}

Answer transposed(const Question& q) {
  const auto* x = alone(q);
  if (x == nullptr) return std::nullopt;
  const auto rank = x->shape.size();
  std::optional<std::size_t> first, second;
  if (q.op == "aten::t" || q.op == "aten::mT") {
    if (rank < 2) return x->owner;
    first = rank - 2;
    second = rank - 1;
  } else {
    first = axis_of(q.operand(1), rank);
    second = axis_of(q.operand(2), rank);
  }
  if (!first || !second) return std::nullopt;
  const auto axis = x->owner.axis;
  return moved(x->owner, axis == *first ? *second : axis == *second ? *first : axis);
}

Answer permuted(const Question& q) {
  const auto* x = alone(q);
  if (x == nullptr) return std::nullopt;
  const auto rank = x->shape.size();
  if (q.op == "aten::permute") {
    std::vector<std::size_t> order;
    for (const auto& number : q.operand(1).list) {
      const auto axis = axis_of(number, rank);
      if (!axis) return std::nullopt;
      order.push_back(*axis);
    }
    return by_order(*x, order);
  }
  if (q.op != "aten::movedim.int") return std::nullopt;
  const auto from = axis_of(q.operand(1), rank), to = axis_of(q.operand(2), rank);
  if (!from || !to) return std::nullopt;
  std::vector<std::size_t> order;
  for (std::size_t axis = 0; axis < rank; ++axis)
    if (axis != *from) order.push_back(axis);
  order.insert(order.begin() + static_cast<std::ptrdiff_t>(*to), *from);
  return by_order(*x, order);
}

Answer unsqueezed(const Question& q) {
  const auto* x = alone(q);
  const auto at = x ? axis_of(q.operand(1), x->shape.size() + 1) : std::nullopt;
  if (!at) return std::nullopt;
  return moved(x->owner, x->owner.axis + (*at <= x->owner.axis ? 1 : 0));
}

Answer squeezed(const Question& q) {
  const auto* x = alone(q);
  if (x == nullptr) return std::nullopt;
  std::vector<bool> named(x->shape.size(), true);
  if (q.op != "aten::squeeze") {
    const auto axes = axes_of(q.operand(1), x->shape.size());
    if (!axes) return std::nullopt;
    named = *axes;
  }
  std::size_t axis = x->owner.axis;
  if (x->shape[axis] == 1) return std::nullopt;
  for (std::size_t i = 0; i < x->owner.axis; ++i)
    if (named[i] && x->shape[i] == 1) --axis;
  return moved(x->owner, axis);
}

Answer expanded(const Question& q) {
  const auto* x = alone(q);
  if (x == nullptr || q.shape.size() < x->shape.size()) return std::nullopt;
  const auto axis = x->owner.axis + q.shape.size() - x->shape.size();
  if (q.shape[axis] != x->shape[x->owner.axis]) return std::nullopt;
  return moved(x->owner, axis);
}

// A copy of an axis begins where the owners begin anew, so what is behind one another stays right.
Answer repeated(const Question& q) {
  const auto* x = alone(q);
  if (x == nullptr) return std::nullopt;
  if (q.op == "aten::repeat_interleave.self_int") {
    const auto axis = axis_of(q.operand(2), x->shape.size());
    const auto& times = q.operand(1);
    if (!axis || times.kind != Kind::number || times.number < 1) return std::nullopt;
    auto owner = x->owner;
    if (*axis == owner.axis) owner.inner *= times.number;
    return owner;
  }
  if (q.shape.size() < x->shape.size()) return std::nullopt;
  return moved(x->owner, x->owner.axis + q.shape.size() - x->shape.size());
}

Answer selected(const Question& q) {
  const auto* x = alone(q);
  const auto at = x ? axis_of(q.operand(1), x->shape.size()) : std::nullopt;
  if (!at || *at == x->owner.axis) return std::nullopt;
  return moved(x->owner, x->owner.axis - (*at < x->owner.axis ? 1 : 0));
}

Answer sliced(const Question& q) {
  const auto* x = alone(q);
  const auto at = x ? axis_of(q.operand(1), x->shape.size()) : std::nullopt;
  if (!at || q.shape.size() != x->shape.size()) return std::nullopt;
  const bool whole = q.shape[*at] == x->shape[*at];  // steps go forward: all of it, in order
  if (*at == x->owner.axis && !whole) return std::nullopt;
  return x->owner;
}

Answer split(const Question& q) {
  const auto* x = alone(q);
  const bool unbind = q.op == "aten::unbind.int";
  const auto& axis = q.operand(unbind ? 1 : 2);
  const auto at = x ? axis_of(axis, x->shape.size()) : std::nullopt;
  if (!at || *at == x->owner.axis) return std::nullopt;
  return moved(x->owner, x->owner.axis - (unbind && *at < x->owner.axis ? 1 : 0));
}

namespace {

// The owner that all tensors of a list have that have one.
Answer common_owner(const std::vector<BatchOperand>& list, std::size_t rank) {
  Answer all;
  for (const auto& x : list) {
    if (!x.owner.samples) continue;
    if (x.shape.size() != rank || (all && *all != x.owner)) return std::nullopt;
    all = x.owner;
  }
  return all;
}

}  // namespace

Answer joined(const Question& q) {
  const auto owner = common_owner(q.operand(0).list, q.shape.size());
  const auto at = axis_of(q.operand(1), q.shape.size());
  if (!owner || !at || *at == owner->axis) return std::nullopt;
  return owner;
}

Answer stacked(const Question& q) {
  if (q.shape.empty()) return std::nullopt;
  const auto owner = common_owner(q.operand(0).list, q.shape.size() - 1);
  const auto at = axis_of(q.operand(1), q.shape.size());
  if (!owner || !at) return std::nullopt;
  return moved(*owner, owner->axis + (*at <= owner->axis ? 1 : 0));
}

}  // namespace collegium::batch_rules
