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

at::Tensor block(const at::Tensor& store, const Slot& slot, std::int64_t samples) {
  return store.narrow(0, samples * static_cast<std::int64_t>(slot.offset),
                      samples * static_cast<std::int64_t>(slot.size));
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

std::vector<at::Tensor> PerSampleGradients::leaves(const FlatModel& model, std::int64_t samples) {
  const auto size = samples * static_cast<std::int64_t>(layout_.size());
  if (!store_.defined() || store_.numel() != size)
    store_ = at::empty({size}, model.flat().options());
  store_.zero_();
  samples_ = samples;
  std::vector<at::Tensor> leaves;
  for (std::size_t i = 0; i < layout_.slots().size(); ++i) {
    const auto& slot = layout_.slots()[i];
    const auto& parameter = model.parameters()[i];
    if (!slot.trainable) {
      leaves.push_back(parameter);
      continue;
    }
    auto shape = slot.shape;
    shape.insert(shape.begin(), samples);
    auto leaf = parameter.detach().unsqueeze(0).expand(shape).detach();
    leaf.set_requires_grad(true);
    leaf.mutable_grad() = block(store_, slot, samples).view(shape);
    leaves.push_back(std::move(leaf));
  }
  return leaves;
}

at::Tensor PerSampleGradients::rows() const {
  const auto all =
      at::zeros({samples_, static_cast<std::int64_t>(layout_.size())}, store_.options());
  for (const auto& slot : layout_.slots()) {
    if (!slot.trainable) continue;
    const auto size = static_cast<std::int64_t>(slot.size);
    all.narrow(1, static_cast<std::int64_t>(slot.offset), size)
        .copy_(block(store_, slot, samples_).view({samples_, size}));
  }
  return all;
}

}  // namespace collegium
