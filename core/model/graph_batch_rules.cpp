#include "model/graph_batch_rules.h"

#include <algorithm>

namespace collegium::batch_rules {

const BatchOperand& Question::operand(std::size_t i) const {
  static const BatchOperand nothing;
  return i < operands.size() ? operands[i] : nothing;
}

bool has_samples(const BatchOperand& operand) {
  return operand.owner.samples || std::ranges::any_of(operand.list, has_samples);
}

bool nobody_from(const Question& q, std::size_t first) {
  for (std::size_t i = first; i < q.operands.size(); ++i)
    if (has_samples(q.operands[i])) return false;
  return true;
}

std::optional<std::size_t> axis_of(const BatchOperand& number, std::size_t rank) {
  if (number.kind != BatchOperand::Kind::number) return std::nullopt;
  const auto size = static_cast<std::int64_t>(rank);
  const auto axis = number.number < 0 ? number.number + size : number.number;
  if (axis < 0 || axis >= size) return std::nullopt;
  return static_cast<std::size_t>(axis);
}

std::optional<std::vector<bool>> axes_of(const BatchOperand& numbers, std::size_t rank) {
  const bool list = numbers.kind == BatchOperand::Kind::list;
  if (list && numbers.list.empty()) return std::nullopt;
  std::vector<bool> axes(rank);
  for (const auto& number : list ? numbers.list : std::vector<BatchOperand>{numbers}) {
    const auto axis = axis_of(number, rank);
    if (!axis) return std::nullopt;
    axes[*axis] = true;
  }
  return axes;
}

Answer same(const Question& q) {
  const auto& x = q.operand(0);
  if (!x.owner.samples || !nobody_from(q, 1) || x.shape != q.shape) return std::nullopt;
  return x.owner;
}

Answer pointwise(const Question& q) {
  Answer all;
  for (const auto& x : q.operands) {
    if (std::ranges::any_of(x.list, has_samples)) return std::nullopt;
    if (!x.owner.samples) continue;
    if (x.shape.size() > q.shape.size()) return std::nullopt;
    auto owner = x.owner;
    owner.axis += q.shape.size() - x.shape.size();
    if (q.shape[owner.axis] != x.shape[x.owner.axis]) return std::nullopt;
    if (all && *all != owner) return std::nullopt;
    all = owner;
  }
  return all;
}

namespace {

// Axes that a tensor has when its first one is the batch; 0: at least three.
std::size_t batched_rank(const Question& q) {
  if (q.op.find("convolution") != std::string_view::npos) return q.rank(1);
  if (q.op.find("1d") != std::string_view::npos) return 3;
  if (q.op.find("2d") != std::string_view::npos) return 4;
  if (q.op.find("3d") != std::string_view::npos) return 5;
  if (q.op == "aten::im2col" || q.op.starts_with("aten::pixel_")) return 4;
  return 0;
}

}  // namespace

Answer rows(const Question& q) {
  const auto& x = q.operand(0);
  const auto rank = batched_rank(q);
  const bool batched = rank > 0 ? x.shape.size() == rank : x.shape.size() >= 2;
  if (!batched || !x.owner.samples || x.owner.axis != 0 || !nobody_from(q, 1)) return std::nullopt;
  const auto& training = q.operand(5);
  if (q.op == "aten::batch_norm" &&
      (training.kind != BatchOperand::Kind::number || training.number != 0))
    return std::nullopt;
  // Without statistics of its own for every sample, instance norm is what batch norm is.
  if (q.op == "aten::instance_norm" && x.shape.size() < 3) return std::nullopt;
  return x.owner;
}

Answer last_axis(const Question& q) {
  const bool embedding = q.op == "aten::embedding";
  const auto& x = q.operand(embedding ? 1 : 0);
  if (!x.owner.samples) return std::nullopt;
  if (embedding)
    return has_samples(q.operand(0)) || !nobody_from(q, 2) ? std::nullopt : Answer(x.owner);
  if (x.owner.axis + 1 == x.shape.size() || !nobody_from(q, 1)) return std::nullopt;
  return x.owner;
}

Answer normalised(const Question& q) {
  const auto& x = q.operand(0);
  const auto axes = q.operand(1).list.size();
  if (!x.owner.samples || !nobody_from(q, 1) || axes == 0 || x.owner.axis + axes >= x.shape.size())
    return std::nullopt;
  return x.owner;
}

Answer along_dim(const Question& q) {
  const auto& x = q.operand(0);
  const bool third = q.op == "aten::roll" || q.op == "aten::sort.stable" || q.op == "aten::topk";
  const auto axes = axes_of(q.operand(third ? 2 : 1), x.shape.size());
  if (!x.owner.samples || !nobody_from(q, 1) || !axes || (*axes)[x.owner.axis]) return std::nullopt;
  return x.owner;
}

Answer over_dim(const Question& q) {
  const auto& x = q.operand(0);
  const bool third = q.op == "aten::norm.ScalarOpt_dim" || q.op == "aten::linalg_vector_norm";
  const auto axes = axes_of(q.operand(third ? 2 : 1), x.shape.size());
  if (!x.owner.samples || !nobody_from(q, 1) || !axes || (*axes)[x.owner.axis]) return std::nullopt;
  auto owner = x.owner;
  if (q.shape.size() == x.shape.size()) return owner;
  const auto gone = std::count(axes->begin(), axes->end(), true);
  if (q.shape.size() + static_cast<std::size_t>(gone) != x.shape.size()) return std::nullopt;
  owner.axis -= static_cast<std::size_t>(
      std::count(axes->begin(), axes->begin() + static_cast<std::ptrdiff_t>(owner.axis), true));
  return owner;
}

Answer matrix(const Question& q) {
  const auto& x = q.operand(0);
  if (!x.owner.samples || !nobody_from(q, 1) || x.owner.axis + 2 >= x.shape.size())
    return std::nullopt;
  return x.owner;
}

Answer padded(const Question& q) {
  const auto& x = q.operand(0);
  const auto& pad = q.operand(1);
  if (!x.owner.samples || !nobody_from(q, 1) || pad.kind != BatchOperand::Kind::list)
    return std::nullopt;
  const auto from_end = x.shape.size() - 1 - x.owner.axis;  // pairs come for the last axis first
  for (std::size_t i = 2 * from_end; i < std::min(pad.list.size(), 2 * from_end + 2); ++i)
    if (pad.list[i].kind != BatchOperand::Kind::number || pad.list[i].number != 0)
      return std::nullopt;
  return x.owner;
}

}  // namespace collegium::batch_rules
