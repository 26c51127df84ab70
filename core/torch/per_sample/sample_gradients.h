#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "torch/per_sample/sample_layouts.h"

namespace collegium {

struct SampleGradientOptions {
  // The norm group of each parameter, from 0: per-layer clipping has one a layer. Empty: all in
  // one.
  std::vector<std::int64_t> groups = {};
  // The patient of each sample, from 0; gradients of one patient are added before the norm is
  // taken. Empty: each sample is a patient.
  std::vector<std::int64_t> owners = {};
  // All tensors that carry samples into the network and can have gradients, as leaves that require
  // them. They make visible what happens before the first parameter, and constants distinguishable
  // from samples. Without them a batch that is mixed before it meets a parameter passes unnoticed.
  std::optional<std::vector<at::Tensor>> inputs = {};
  // Weight gradients that are never formed, see GhostGradient; for tests and measurements.
  enum class Ghost { where_cheaper, never, always };
  Ghost ghost = Ghost::where_cheaper;
};

// The gradients of every sample's loss from one backward pass over the batch's autograd graph,
// whatever network made it: no module hooks, no layers to replace ("book-keeping", Bu et al. 2023,
// arXiv:2210.00038). Two phases, so that any clipping rule fits between them:
//
//   const auto g = SampleGradients::of(losses, parameters, layouts);
//   // factors from g.squared_norms()
//   g.add_weighted_sum(factors, gradients);
//
// Nodes with a known rule work on the whole batch; any other takes a pass of its own for every
// sample, which is exact too, and is named in notes(). What mixes samples is refused with a
// ConfigError that names the place. What cannot be seen: values that reach other samples outside of
// the graph, such as detached statistics of a batch.
class SampleGradients {
 public:
  // `losses` is [samples] with a graph, one loss a sample and not a mean; the graph may be used up.
  // `parameters` are leaves on one device that require gradients; one without a part in the losses
  // has gradients of zero. Touches no `.grad`.
  static SampleGradients of(const at::Tensor& losses, std::span<const at::Tensor> parameters,
                            SampleLayouts& layouts, const SampleGradientOptions& options = {});
  ~SampleGradients();
  SampleGradients(SampleGradients&&) noexcept;
  SampleGradients& operator=(SampleGradients&&) noexcept;

  std::int64_t patients() const;
  // [groups, patients], double, on the parameters' device. Not finite where a gradient is not.
  const at::Tensor& squared_norms() const;
  // Adds sum_i factors[group, i] g_i to each parameter's tensor in `sums`, in place; `factors` is
  // [groups, patients]. A patient with factor zero is left out, even if not finite.
  void add_weighted_sum(const at::Tensor& factors, std::span<const at::Tensor> sums) const;
  // [patients, shape of the parameter]; only without ghosts.
  at::Tensor of_parameter(std::size_t parameter) const;
  // Nodes without a rule of their own, "LstmBackward0 x 2": for one line of a log.
  const std::vector<std::string>& notes() const;

 private:
  struct State;
  explicit SampleGradients(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace collegium
