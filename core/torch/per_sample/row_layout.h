#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

namespace collegium::per_sample {

// Where the samples of a batch lie in a tensor: along `axis`, whose positions count as
// [outer, samples, inner]. A batch in front is (0, 1); tokens in front of it, [tokens, samples,
// width], are (1, 1); the rows of a flattened [tokens * samples, width] are (0, tokens).
struct RowLayout {
  std::int64_t axis = 0, outer = 1;
  bool operator==(const RowLayout&) const = default;
};

// The tensor as [samples, before the axis ..., outer, inner, after the axis ...], without a copy.
at::Tensor by_sample(const at::Tensor& tensor, RowLayout layout, std::int64_t samples);

// For a layout along axis 0: [samples, rows of one sample, ...].
at::Tensor rows_of_samples(const at::Tensor& tensor, RowLayout layout, std::int64_t samples);

// Sums an element-wise contribution [output's shape] over what a weight of this shape was broadcast
// along: [samples, elements of the weight]. The weight must be broadcast along the samples.
at::Tensor sum_broadcast(const at::Tensor& contribution, RowLayout layout, std::int64_t samples,
                         at::IntArrayRef weight);
bool is_broadcast_along(RowLayout layout, std::int64_t rank, at::IntArrayRef weight);

// Whether two layouts give some element that is not zero to different samples.
bool disagree(const at::Tensor& tensor, RowLayout one, RowLayout other, std::int64_t samples);

// Finds the layout of one gradient by experiment. The backward pass is linear and scales exactly
// under powers of two; so when the loss of sample i is seeded with 2^e_i, an element that belongs
// to sample i alone is scaled by 2^e_i, and one that mixes samples is not, whatever its magnitude.
class LayoutSearch {
 public:
  LayoutSearch(at::Tensor unit, std::int64_t samples);  // the gradient under seeds of one

  // Drops the layouts that the gradient under seeds 2^exponents, [samples], contradicts.
  void see(const at::Tensor& coded, const at::Tensor& exponents);

  bool silent() const { return silent_; }  // zero whatever the seeds: says nothing
  // What is left, the likeliest first: none where samples are mixed, several where too much is
  // zero.
  const std::vector<RowLayout>& left() const { return left_; }

 private:
  at::Tensor unit_;
  std::int64_t samples_;
  bool silent_ = false;
  std::vector<RowLayout> left_;
};

// Exponents [passes][samples] in [-8, 8): no two samples have the same in every pass.
std::vector<at::Tensor> probe_exponents(std::int64_t samples, const at::TensorOptions& options);

}  // namespace collegium::per_sample
