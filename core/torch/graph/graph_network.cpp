#include "torch/graph/graph_network.h"

#include <ATen/ops/mean.h>

#include "collegium/error.h"
#include "model/graph_memory_order.h"
#include "torch/graph/bound_program.h"

namespace collegium {

using graph::BoundProgram;

class GraphNetwork::Form : public BoundProgram {
  using BoundProgram::BoundProgram;
};
class GraphLoss::Form : public BoundProgram {
  using BoundProgram::BoundProgram;
};

namespace {

constexpr std::size_t kMaxOutputs = 16;

const GraphProgram& program_of(const GraphModel& model, const std::string& name, std::size_t least,
                               std::size_t most, const std::string& source) {
  const auto* program = model.program(name);
  if (program != nullptr && program->inputs.size() >= least && program->inputs.size() <= most)
    return *program;
  throw DataError({.what = "the graph cannot be used",
                   .where = source + ", program " + name,
                   .expected = most == 1 ? "a program that takes one input"
                                         : "a program that takes outputs, and targets last",
                   .found = program == nullptr
                                ? "no such program"
                                : std::to_string(program->inputs.size()) + " inputs"});
}

}  // namespace

GraphNetwork::GraphNetwork(std::shared_ptr<const GraphModel> model,
                           std::vector<ParameterSpec> parameters, const std::string& source)
    : model_(std::move(model)), parameters_(std::move(parameters)) {
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < parameters_.size(); ++i) places[parameters_[i].name] = i;
  for (const auto* name : {"train", "eval"}) program_of(*model_, name, 1, 1, source);
  train_ = std::make_unique<Form>(model_, "train", places, source);
  eval_ = std::make_unique<Form>(model_, "eval", places, source);
  any_memory_order_ = !depends_on_memory_order(*model_->program("train"));
}

GraphNetwork::~GraphNetwork() = default;

at::Tensor GraphNetwork::forward(const at::Tensor& x, const std::vector<at::Tensor>& w,
                                 const Pass& pass) const {
  return outputs(x, w, pass).front();
}

std::vector<at::Tensor> GraphNetwork::outputs(const at::Tensor& x, const std::vector<at::Tensor>& w,
                                              const Pass& pass) const {
  if (pass.dropout_keys.empty()) return eval_->run(w, {x}, {}, Form::Buffers::keep);
  return training_outputs(x, w, pass);
}

std::vector<at::Tensor> GraphNetwork::training_outputs(const at::Tensor& x,
                                                       const std::vector<at::Tensor>& w,
                                                       const Pass& pass) const {
  return train_->run(w, {x}, pass.dropout_keys, Form::Buffers::update);
}

void GraphNetwork::check_keeps_nothing() const {
  if (auto problem = admit(*model_, {.patient_privacy = true}, "the network"))
    throw ConfigError(std::move(*problem));
}

std::string GraphNetwork::where_samples_meet(const at::Tensor& x,
                                             const std::vector<at::Tensor>& w) const {
  if (x.size(0) == 1) return {};
  const std::lock_guard lock(mutex_);
  auto [found, unknown] = meetings_.try_emplace(x.sizes().vec());
  if (unknown) found->second = train_->where_samples_meet(w, x);
  return found->second;
}

GraphLoss::GraphLoss(std::shared_ptr<const GraphModel> model, const std::string& source) {
  const auto& program = program_of(*model, "loss", 2, kMaxOutputs + 1, source);
  outputs_ = program.inputs.size() - 1;
  if (program.outputs.size() != 1)
    throw DataError({.what = "the graph's loss gives several results",
                     .where = source,
                     .expected = "the loss alone",
                     .found = std::to_string(program.outputs.size()),
                     .remedy = "leave metrics out of the loss"});
  form_ = std::make_unique<Form>(std::move(model), "loss", std::map<std::string, std::size_t>(),
                                 source);
}

GraphLoss::~GraphLoss() = default;

at::Tensor GraphLoss::mean(at::TensorList outputs, const at::Tensor& targets) const {
  if (outputs.size() < outputs_)
    throw DataError({.what = "the network gives fewer outputs than its loss takes",
                     .expected = std::to_string(outputs_),
                     .found = std::to_string(outputs.size())});
  std::vector<at::Tensor> inputs;  // in the order in memory that its author's loss was captured for
  for (const auto& output : outputs.slice(0, outputs_)) inputs.push_back(output.contiguous());
  inputs.push_back(targets);
  return form_->run({}, std::move(inputs), {}, Form::Buffers::keep).front().mean();
}

}  // namespace collegium
