#include "torch/network/flat_model.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <algorithm>

namespace collegium {
namespace {

at::Tensor view(const at::Tensor& flat, const Slot& slot) {
  return flat
      .narrow(0, static_cast<std::int64_t>(slot.offset), static_cast<std::int64_t>(slot.size))
      .view(slot.shape);
}

}  // namespace

FlatModel::FlatModel(const Layout& layout, at::Device device, at::ScalarType type) {
  const auto options = at::TensorOptions().dtype(type).device(device);
  const auto size = static_cast<std::int64_t>(layout.size());
  flat_ = at::zeros({size}, options);
  gradient_ = at::zeros({size}, options);
  for (const auto& slot : layout.slots()) {
    auto leaf = view(flat_, slot).detach();
    if (slot.trainable) {
      leaf.set_requires_grad(true);
      leaf.mutable_grad() = view(gradient_, slot);
    }
    parameters_.push_back(std::move(leaf));
  }
}

void FlatModel::load(std::span<const float> values) {
  c10::NoGradGuard no_gradient;
  flat_.copy_(at::from_blob(const_cast<float*>(values.data()),
                            {static_cast<std::int64_t>(values.size())}, at::kFloat));
}

void FlatModel::store(std::span<float> values) const {
  c10::NoGradGuard no_gradient;
  at::from_blob(values.data(), {static_cast<std::int64_t>(values.size())}, at::kFloat).copy_(flat_);
}

void FlatModel::zero_gradient() { gradient_.zero_(); }

std::span<float> FlatModel::values() {
  return {flat_.data_ptr<float>(), static_cast<std::size_t>(flat_.numel())};
}

std::span<float> FlatModel::gradient() {
  return {gradient_.data_ptr<float>(), static_cast<std::size_t>(gradient_.numel())};
}

}  // namespace collegium
