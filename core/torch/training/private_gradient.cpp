#include "torch/training/private_gradient.h"

#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "collegium/vector_ops.h"

namespace collegium {

PrivateGradient::PrivateGradient(const Network& network, const Loss& loss, const Layout& layout,
                                 FlatModel& model, PerSample mode, bool channels_last)
    : network_(network),
      loss_(loss),
      model_(model),
      leaves_(layout),
      mode_(mode),
      channels_last_(channels_last),
      mean_(layout.size()) {}

std::int64_t PrivateGradient::rows_at_once(const Example& example) const {
  if (mode_ == PerSample::loop) return 1;
  return example.input_shape.size() == 4 ? 2 : 32;  // two volumes already reach the fast kernels
}

void PrivateGradient::add(std::span<const Patient> patients, PrivateSum& sum) {
  std::vector<Row> rows;
  for (std::size_t p = 0; p < patients.size(); ++p)
    for (std::size_t e = 0; e < patients[p].examples.size(); ++e) rows.push_back({p, e});
  if (rows.empty()) return;
  const auto width =
      static_cast<std::size_t>(rows_at_once(patients[rows[0].patient].examples[rows[0].example]));
  for (std::size_t at = 0; at < rows.size(); at += width)
    add_rows(patients, std::span(rows).subspan(at, std::min(width, rows.size() - at)), sum);
}

void PrivateGradient::add_rows(std::span<const Patient> patients, std::span<const Row> rows,
                               PrivateSum& sum) {
  const c10::AutoGradMode gradients(true);
  std::vector<Example> examples;
  std::vector<std::uint64_t> keys;
  const auto& first = patients[rows[0].patient].examples[rows[0].example];
  for (std::int64_t i = 0; i < rows_at_once(first); ++i) {
    const auto& row =
        rows[static_cast<std::size_t>(i) < rows.size() ? static_cast<std::size_t>(i) : 0];
    examples.push_back(patients[row.patient].examples[row.example]);
    if (!patients[row.patient].dropout_keys.empty())
      keys.push_back(patients[row.patient].dropout_keys[row.example]);
  }
  const auto batch = stack(examples, std::move(keys), model_.flat().device(), channels_last_);
  at::Tensor found;
  if (mode_ == PerSample::loop) {
    model_.zero_gradient();
    loss_.mean(network_.forward(batch.inputs, model_.parameters(), batch.pass), batch.targets)
        .backward();
    found = model_.flat_gradient().unsqueeze(0);
  } else {
    const auto leaves = leaves_.leaves(model_, batch.inputs.size(0));
    loss_.per_sample(network_.forward(batch.inputs, leaves, batch.pass), batch.targets)
        .sum()
        .backward();
    found = leaves_.rows();
  }
  const auto on_host = found.to(at::kCPU);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto* values =
        on_host.const_data_ptr<float>() + static_cast<std::int64_t>(i) * on_host.size(1);
    gather(patients[rows[i].patient], {values, mean_.size()}, sum);
  }
}

void PrivateGradient::gather(const Patient& patient, std::span<const float> gradient,
                             PrivateSum& sum) {
  if (patient.examples.size() == 1) return sum.add(gradient);
  if (gathered_ == 0) std::fill(mean_.begin(), mean_.end(), 0.0f);
  add_scaled(std::span(mean_), 1 / static_cast<double>(patient.examples.size()), gradient);
  if (++gathered_ < patient.examples.size()) return;
  gathered_ = 0;
  sum.add(mean_);
}

}  // namespace collegium
