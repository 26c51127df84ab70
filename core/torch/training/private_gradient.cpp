#include "torch/training/private_gradient.h"

#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>

namespace collegium {
namespace {

Portion alone(const Portion& portion, std::size_t at) {
  return {.samples = {portion.samples[at]},
          .examples = {portion.examples[at]},
          .dropout_keys = {portion.dropout_keys[at]}};
}

}  // namespace

PrivateGradient::PrivateGradient(const LocalRound& round, PerSample mode, std::size_t width)
    : round_(round), leaves_(round.layout), mode_(mode), width_(width) {}

void PrivateGradient::add(const Portion& portion, PrivateSum& sum) {
  const c10::AutoGradMode gradients(true);
  if (portion.examples.empty()) return;
  if (portion.of_patient > 1) return add_part_of_patient(portion, sum);
  if (mode_ == PerSample::batched) return add_patients(portion, sum);
  for (std::size_t i = 0; i < portion.examples.size(); ++i)
    add_part_of_patient(alone(portion, i), sum);
}

Batch PrivateGradient::batch_of(const Portion& portion, std::size_t rows) const {
  auto examples = portion.examples;
  auto keys = portion.dropout_keys;
  while (examples.size() < rows) {
    examples.push_back(examples[0]);
    keys.push_back(keys[0]);
  }
  return stack(examples, std::move(keys), round_.model.flat().device(),
               round_.training.channels_last);
}

void PrivateGradient::add_patients(const Portion& portion, PrivateSum& sum) {
  const auto batch = batch_of(portion, width_);
  const auto leaves = leaves_.leaves(round_.model, batch.inputs.size(0));
  round_.loss.per_sample(round_.network.forward(batch.inputs, leaves, batch.pass), batch.targets)
      .sum()
      .backward();
  const auto rows = leaves_.rows().to(at::kCPU);
  const auto size = round_.layout.size();
  for (std::size_t i = 0; i < portion.examples.size(); ++i)
    sum.add({rows.const_data_ptr<float>() + i * size, size});
}

// An ordinary backward pass: whoever clips a patient needs no gradient of a single sample.
void PrivateGradient::add_part_of_patient(const Portion& portion, PrivateSum& sum) {
  const auto batch = batch_of(portion, prefers_pairs(portion.examples[0]) ? 2 : 1);
  if (!within_patient_) round_.model.zero_gradient();
  const auto losses = round_.loss.per_sample(
      round_.network.forward(batch.inputs, round_.model.parameters(), batch.pass), batch.targets);
  const auto count = static_cast<std::int64_t>(portion.examples.size());
  (losses.narrow(0, 0, count).sum() / static_cast<double>(portion.of_patient)).backward();
  within_patient_ = !portion.closes_patient;
  if (within_patient_) return;
  const auto gradient = round_.model.flat_gradient().to(at::kCPU);
  sum.add({gradient.const_data_ptr<float>(), round_.layout.size()});
}

}  // namespace collegium
