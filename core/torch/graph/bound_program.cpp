#include "torch/graph/bound_program.h"

#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cstring>

#include "collegium/error.h"
#include "torch/graph/batch_analysis.h"

namespace collegium::graph {
namespace {

at::Tensor tensor_of(const GraphTensor& given) {
  auto tensor = at::empty(given.shape, scalar_type(given.type));
  if (!given.data.empty())
    std::memcpy(tensor.mutable_data_ptr(), given.data.data(), given.data.size());
  return tensor;
}

}  // namespace

BoundProgram::BoundProgram(std::shared_ptr<const GraphModel> model, const std::string& program,
                           const std::map<std::string, std::size_t>& places,
                           const std::string& source)
    : model_(std::move(model)), executor_(*model_, program, source) {
  using Source = Binding::Source;
  const auto& binds = executor_.program().bind;
  for (const auto& [value, index] : binds) {
    const auto first =
        std::ranges::find(binds, index, &std::pair<std::size_t, std::size_t>::second);
    const auto same_as = static_cast<std::size_t>(first - binds.begin());
    const auto& tensor = model_->tensors[index];
    const bool buffer = tensor.kind == GraphTensor::Kind::buffer;
    if (!tensor.in_file()) {
      bindings_.push_back({.source = buffer ? Source::own_buffer : Source::constant,
                           .own = tensor_of(tensor),
                           .same_as = same_as});
      continue;
    }
    const auto place = places.find(tensor.name);
    if (place == places.end())
      throw DataError({.what = "the graph's loss has weights of its own",
                       .where = source + ", program " + program,
                       .expected = "constants",
                       .found = tensor.name,
                       .remedy = "make them part of the network, or constants"});
    bindings_.push_back({.source = buffer ? Source::buffer : Source::parameter,
                         .place = place->second,
                         .same_as = same_as});
  }
}

std::vector<at::Tensor> BoundProgram::bind(const std::vector<at::Tensor>& w,
                                           at::Device device) const {
  using Source = Binding::Source;
  std::vector<at::Tensor> bound;
  for (std::size_t i = 0; i < bindings_.size(); ++i) {
    const auto& [source, place, own, same_as] = bindings_[i];
    if (same_as < i)
      bound.push_back(bound[same_as]);
    else if (source == Source::parameter)
      bound.push_back(w[place]);
    else if (source == Source::constant)
      bound.push_back(own.to(device));
    else if (source == Source::own_buffer)
      bound.push_back(own.to(device, own.scalar_type(), /*non_blocking=*/false, /*copy=*/true));
    else
      bound.push_back(w[place].detach().clone());
  }
  return bound;
}

std::vector<at::Tensor> BoundProgram::run(const std::vector<at::Tensor>& w,
                                          std::vector<at::Tensor> inputs,
                                          std::span<const std::uint64_t> keys,
                                          Buffers buffers) const {
  const auto& specs = executor_.program().inputs;
  for (std::size_t i = 0; i < std::min(inputs.size(), specs.size()); ++i)
    inputs[i] = inputs[i].to(scalar_type(specs[i].type));
  const auto bound = bind(w, inputs.front().device());
  auto outputs = executor_.run(bound, inputs, keys);
  if (buffers == Buffers::keep) return outputs;
  const c10::NoGradGuard no_gradient;
  for (std::size_t i = 0; i < bindings_.size(); ++i)
    if (bindings_[i].source == Binding::Source::buffer)
      at::Tensor(w[bindings_[i].place].variable_data()).copy_(bound[i]);
  return outputs;
}

std::string BoundProgram::where_samples_meet(const std::vector<at::Tensor>& w,
                                             at::Tensor input) const {
  const c10::NoGradGuard no_gradient;
  input = input.detach().to(scalar_type(executor_.program().inputs.front().type));
  const std::vector<std::uint64_t> keys(static_cast<std::size_t>(input.size(0)));
  BatchAnalysis analysis(executor_.program(), input.size(0));
  analysis.finish(
      executor_.run(bind(w, input.device()), {input}, keys,
                    [&](const Call& call, std::size_t at, const auto& given, const auto& result) {
                      analysis.follow(call, at, given, result);
                    }));
  return analysis.meeting();
}

}  // namespace collegium::graph
