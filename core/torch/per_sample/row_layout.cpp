#include "torch/per_sample/row_layout.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/exp2.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/where.h>

#include <algorithm>

namespace collegium::per_sample {
namespace {

constexpr std::int64_t kCodes = 16;  // exponents that even half precision carries

double epsilon_of(at::ScalarType type) {
  switch (type) {
    case at::kDouble:
      return 0x1p-52;
    case at::kComplexDouble:
      return 0x1p-52;
    case at::kHalf:
      return 0x1p-10;
    case at::kBFloat16:
      return 0x1p-7;
    default:
      return 0x1p-23;
  }
}

// Rows of [samples, everything else] agree with the scaled ones up to rounding of a sample's
// largest element; where a value is not finite there is nothing to compare.
bool scales(const at::Tensor& unit, const at::Tensor& coded, const at::Tensor& factors) {
  const auto finite = at::isfinite(unit).logical_and_(at::isfinite(coded));
  const auto expected = at::where(finite, unit, 0) * factors.unsqueeze(1);
  const auto error = (at::where(finite, coded, 0) - expected).abs().amax(1);
  const auto allowed = expected.abs().amax(1) * (256 * epsilon_of(unit.scalar_type()));
  return error.le(allowed).all().item<bool>();
}

}  // namespace

at::Tensor by_sample(const at::Tensor& tensor, RowLayout layout, std::int64_t samples) {
  const auto inner = tensor.size(layout.axis) / (layout.outer * samples);
  return tensor.unflatten(layout.axis, {layout.outer, samples, inner}).movedim(layout.axis + 1, 0);
}

at::Tensor rows_of_samples(const at::Tensor& tensor, RowLayout layout, std::int64_t samples) {
  return by_sample(tensor, layout, samples).flatten(1, 2);
}

bool is_broadcast_along(RowLayout layout, std::int64_t rank, at::IntArrayRef weight) {
  const auto at = layout.axis - (rank - static_cast<std::int64_t>(weight.size()));
  return at < 0 || weight[static_cast<std::size_t>(at)] == 1;
}

at::Tensor sum_broadcast(const at::Tensor& contribution, RowLayout layout, std::int64_t samples,
                         at::IntArrayRef weight) {
  const auto rank = contribution.dim(), first = rank - static_cast<std::int64_t>(weight.size());
  std::vector<std::int64_t> summed;
  for (std::int64_t d = 0; d < rank; ++d) {
    const bool kept = d >= first && weight[static_cast<std::size_t>(d - first)] != 1;
    if (kept) continue;
    const auto shifted = d < layout.axis ? d + 1 : d == layout.axis ? d + 1 : d + 2;
    summed.push_back(shifted);
    if (d == layout.axis) summed.push_back(d + 2);  // outer and inner
  }
  const auto rows = by_sample(contribution, layout, samples);
  return (summed.empty() ? rows : rows.sum(summed)).reshape({samples, -1});
}

bool disagree(const at::Tensor& tensor, RowLayout one, RowLayout other, std::int64_t samples) {
  const auto owners = [&](RowLayout layout) {  // ready to meet the tensor
    const auto size = tensor.size(layout.axis), inner = size / (layout.outer * samples);
    std::vector<std::int64_t> shape(static_cast<std::size_t>(tensor.dim()), 1);
    shape[static_cast<std::size_t>(layout.axis)] = size;
    return at::arange(size, tensor.options().dtype(at::kLong))
        .floor_divide_(inner)
        .remainder_(samples)
        .view(shape);
  };
  return tensor.ne(0).logical_and_(owners(one).ne(owners(other))).any().item<bool>();
}

LayoutSearch::LayoutSearch(at::Tensor unit, std::int64_t samples)
    : unit_(std::move(unit)), samples_(samples) {
  silent_ = !unit_.ne(0).any().item<bool>();
  for (std::int64_t axis = 0; axis < unit_.dim(); ++axis) {
    const auto size = unit_.size(axis);
    if (size == 0 || size % samples_ != 0) continue;
    const auto each = size / samples_;
    left_.push_back({axis, 1});
    if (each > 1) left_.push_back({axis, each});
    for (std::int64_t outer = 2; outer < each; ++outer)
      if (each % outer == 0) left_.push_back({axis, outer});
  }
}

void LayoutSearch::see(const at::Tensor& coded, const at::Tensor& exponents) {
  if (silent_ && coded.ne(0).any().item<bool>()) {  // zero only because samples cancel each other
    silent_ = false;
    left_.clear();
  }
  if (silent_ || left_.empty()) return;
  const auto factors = at::exp2(exponents).to(c10::toRealValueType(unit_.scalar_type()));
  // Sums along an axis are cheap and drop nearly every wrong layout of that axis.
  std::vector<at::Tensor> unit_sums, coded_sums;
  const auto finite = at::isfinite(unit_).logical_and_(at::isfinite(coded));
  const auto known = at::where(finite, unit_, 0).abs(), scaled = at::where(finite, coded, 0).abs();
  for (std::int64_t axis = 0; axis < unit_.dim(); ++axis) {
    std::vector<std::int64_t> others;
    for (std::int64_t d = 0; d < unit_.dim(); ++d)
      if (d != axis) others.push_back(d);
    unit_sums.push_back(others.empty() ? known : known.sum(others));
    coded_sums.push_back(others.empty() ? scaled : scaled.sum(others));
  }
  const auto rows = [&](const at::Tensor& t, RowLayout layout) {
    return by_sample(t, layout, samples_).reshape({samples_, -1});
  };
  std::erase_if(left_, [&](RowLayout layout) {
    const auto axis = static_cast<std::size_t>(layout.axis);
    const RowLayout sums{0, layout.outer};
    return !scales(rows(unit_sums[axis], sums), rows(coded_sums[axis], sums), factors) ||
           !scales(rows(unit_, layout), rows(coded, layout), factors);
  });
}

std::vector<at::Tensor> probe_exponents(std::int64_t samples, const at::TensorOptions& options) {
  std::vector<at::Tensor> passes;
  auto rest = at::arange(samples, options.dtype(at::kLong));
  for (std::int64_t covered = 1; covered < samples; covered *= kCodes) {
    // Neighbours differ by 7, not by 1: a leak from one is never a small change of the other.
    passes.push_back((rest * 7).remainder(kCodes).sub_(kCodes / 2).to(at::kDouble));
    rest = rest.floor_divide(kCodes);
  }
  return passes;
}

}  // namespace collegium::per_sample
