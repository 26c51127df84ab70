#include "torch/training/private_gradient.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <cmath>

namespace collegium {

PrivateGradient::PrivateGradient(const LocalRound& round, std::size_t width, SampleLayouts& layouts)
    : round_(round), width_(width), layouts_(layouts) {
  const auto& slots = round.layout.slots();
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (!slots[i].trainable || slots[i].size == 0) continue;
    trainable_.push_back(round.model.parameters()[i]);
    sums_.push_back(trainable_.back().grad());
    offsets_.push_back(slots[i].offset);
  }
}

void PrivateGradient::add(const Portion& portion, PrivateSum& sum) {
  const c10::AutoGradMode gradients(true);
  if (portion.examples.empty()) return;
  if (portion.of_patient > 1)
    add_part_of_patient(portion, sum);
  else
    add_patients(portion, sum);
}

Batch PrivateGradient::batch_of(const Portion& portion, std::size_t rows) const {
  auto examples = portion.examples;
  auto keys = portion.dropout_keys;
  while (examples.size() < rows) {
    examples.push_back(examples[0]);
    keys.push_back(keys[0]);
  }
  return stack(examples, std::move(keys), round_.model.flat().device(), round_.channels_last());
}

void PrivateGradient::add_patients(const Portion& portion, PrivateSum& sum) {
  const auto batch = batch_of(portion, width_);
  const auto meeting = round_.network.where_samples_meet(batch.inputs, round_.model.parameters());
  if (meeting.empty()) return add_batch(portion, batch, sum);
  for (std::size_t i = 0; i < portion.examples.size(); ++i) {
    Portion one = portion;
    one.examples = {portion.examples[i]};
    one.dropout_keys = {portion.dropout_keys[i]};
    add_batch(one, batch_of(one, 1), sum);
  }
  notes_ = {"all of it, for patients may meet at " + meeting};
}

void PrivateGradient::add_batch(const Portion& portion, const Batch& batch, PrivateSum& sum) {
  batch.inputs.requires_grad_();
  const auto losses = round_.loss.per_sample(
      round_.network.outputs(batch.inputs, round_.model.parameters(), batch.pass), batch.targets);
  SampleGradientOptions options;
  for (const auto offset : offsets_)
    options.groups.push_back(static_cast<std::int64_t>(sum.clipping().group_of(offset)));
  options.inputs = {{batch.inputs}};
  const auto gradients = SampleGradients::of(losses, trainable_, layouts_, options);
  notes_ = gradients.notes();

  const auto squares = gradients.squared_norms().to(at::kCPU).t().contiguous();  // patients first
  const auto groups = static_cast<std::size_t>(squares.size(1));
  auto factors = at::zeros(squares.sizes(), at::kDouble);  // copies count as nothing
  for (std::size_t i = 0; i < portion.examples.size(); ++i) {
    std::vector<double> norms(groups);
    for (std::size_t g = 0; g < groups; ++g)
      norms[g] = std::sqrt(squares.const_data_ptr<double>()[i * groups + g]);
    const auto of_patient = sum.clipping().factors(norms);
    std::copy(of_patient.begin(), of_patient.end(),
              factors.mutable_data_ptr<double>() + i * groups);
  }
  round_.model.zero_gradient();
  gradients.add_weighted_sum(factors.t().to(losses.device()), sums_);
  const auto weighted = round_.model.flat_gradient().to(at::kCPU);
  sum.add_clipped({weighted.const_data_ptr<float>(), round_.layout.size()},
                  portion.examples.size());
}

void PrivateGradient::add_part_of_patient(const Portion& portion, PrivateSum& sum) {
  const auto batch = batch_of(portion, prefers_pairs(portion.examples[0]) ? 2 : 1);
  if (!within_patient_) round_.model.zero_gradient();
  const auto losses = round_.loss.per_sample(
      round_.network.outputs(batch.inputs, round_.model.parameters(), batch.pass), batch.targets);
  const auto count = static_cast<std::int64_t>(portion.examples.size());
  (losses.narrow(0, 0, count).sum() / static_cast<double>(portion.of_patient)).backward();
  within_patient_ = !portion.closes_patient;
  if (within_patient_) return;
  const auto gradient = round_.model.flat_gradient().to(at::kCPU);
  sum.add({gradient.const_data_ptr<float>(), round_.layout.size()});
}

}  // namespace collegium
