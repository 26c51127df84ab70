#include "torch/per_sample/sample_gradients.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/functions/accumulate_grad.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <map>

#include "collegium/error.h"
#include "torch/per_sample/generic_rule.h"
#include "torch/per_sample/graph_pass.h"
#include "torch/per_sample/layout_probe.h"

namespace collegium {

using namespace per_sample;
using Options = SampleGradientOptions;

namespace {

[[noreturn]] void refuse(std::string what, std::string expected, std::string found) {
  throw ConfigError({.what = std::move(what),
                     .where = "per-sample gradients",
                     .expected = std::move(expected),
                     .found = std::move(found)});
}

void check(const at::Tensor& losses, std::span<const at::Tensor> parameters,
           const Options& options) {
  if (losses.dim() != 1)
    refuse("one loss per sample is needed", "losses of shape [samples], not reduced",
           "shape " + c10::str(losses.sizes()));
  if (losses.size(0) > 0 && !losses.grad_fn())
    refuse("the losses have no graph", "losses computed from the parameters with gradients on",
           losses.requires_grad() ? "a leaf" : "a tensor that requires no gradient");
  if (!at::isFloatingType(losses.scalar_type()))
    refuse("losses are real numbers", "a floating type", c10::str(losses.scalar_type()));
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    const auto& parameter = parameters[p];
    const auto name = "parameter " + std::to_string(p);
    if (!parameter.requires_grad() || !parameter.is_leaf())
      refuse(name + " cannot have a gradient", "a leaf that requires gradients",
             parameter.is_leaf() ? "requires_grad = false" : "a result of a computation");
    if (parameter.device() != losses.device())
      refuse("all parameters live where the losses do", losses.device().str(),
             name + " on " + parameter.device().str());
    for (std::size_t q = 0; q < p; ++q)
      if (parameters[q].is_same(parameter))
        refuse("a parameter is listed twice", "each once, however often it is used",
               "parameters " + std::to_string(q) + " and " + std::to_string(p));
  }
  const auto numbers = [](const std::vector<std::int64_t>& values, std::size_t wanted,
                          const std::string& name) {
    if (!values.empty() && values.size() != wanted)
      refuse("wrong number of " + name, std::to_string(wanted), std::to_string(values.size()));
    for (const auto value : values)
      if (value < 0) refuse(name + " are counted from 0", ">= 0", std::to_string(value));
  };
  numbers(options.groups, parameters.size(), "groups, one a parameter,");
  numbers(options.owners, static_cast<std::size_t>(losses.size(0)), "owners, one a sample,");
  if (options.inputs)
    for (const auto& input : *options.inputs)
      if (!input.requires_grad() || !input.is_leaf())
        refuse("an input cannot have a gradient", "leaves that require gradients",
               input.is_leaf() ? "requires_grad = false" : "a result of a computation");
}

std::int64_t count(const std::vector<std::int64_t>& numbers) {
  return numbers.empty() ? 0 : *std::ranges::max_element(numbers) + 1;
}

}  // namespace

struct SampleGradients::State {
  struct Parameter {
    at::Tensor like;  // the parameter itself
    std::int64_t group = 0;
    std::int64_t uses = 0;
    at::Tensor rows = {};  // [patients, elements], or nothing
    std::unique_ptr<GhostGradient> ghost = {};
  };

  State(const at::Tensor& losses, std::span<const at::Tensor> given, const Options& options)
      : samples(losses.size(0)),
        groups(options.groups.empty() ? 1 : count(options.groups)),
        patients(options.owners.empty() ? samples : count(options.owners)),
        ghost_choice(static_cast<Ghost>(options.ghost)) {
    for (std::size_t p = 0; p < given.size(); ++p)
      parameters.push_back({given[p].detach(), options.groups.empty() ? 0 : options.groups[p]});
    if (!options.owners.empty()) owners = at::tensor(options.owners).to(losses.device());
  }

  // Takes [samples, elements] of one use.
  void add(std::size_t parameter, at::Tensor rows) {
    auto& p = parameters[parameter];
    rows = rows.to(p.like.scalar_type());
    if (owners.defined())
      rows = at::zeros({patients, rows.size(1)}, rows.options()).index_add_(0, owners, rows);
    p.rows = p.rows.defined() ? p.rows.add_(rows) : rows;
  }

  void visit(const NodePtr& node, const std::vector<Weight>& weights,
             std::span<const std::optional<RowLayout>> layouts, const ag::variable_list& gradients);
  bool pass(const Graph& graph, const ParameterIndex& index, const at::Tensor& losses,
            const GraphLayout& layout);
  void run(const Graph& graph, const ParameterIndex& index, const at::Tensor& losses,
           const Options& options, LayoutMemory& memory);
  void run_single(const Graph& graph, const ParameterIndex& index, const at::Tensor& losses);
  void finish(const at::TensorOptions& options);

  std::int64_t samples, groups, patients;
  Ghost ghost_choice;
  at::Tensor owners;
  std::vector<Parameter> parameters;
  at::Tensor squared_norms;
  std::map<std::string, int> generic_nodes;
  std::vector<std::string> notes;
};

void SampleGradients::State::visit(const NodePtr& node, const std::vector<Weight>& weights,
                                   std::span<const std::optional<RowLayout>> layouts,
                                   const ag::variable_list& gradients) {
  // Formulas are for real numbers; a node's own derivative knows about conjugates.
  const bool real = std::ranges::none_of(
      gradients, [](const auto& gradient) { return gradient.defined() && gradient.is_complex(); });
  const auto* rule = real ? find_rule(*node) : nullptr;
  const Consumer consumer{node, layouts[0].value_or(RowLayout{}), samples};
  const auto covered = [&](const Weight& weight) { return rule->covers(consumer, weight); };
  if (!rule || !std::ranges::all_of(weights, covered)) {
    ++generic_nodes[node->name()];
    for (auto& [parameter, rows] : generic_rows(node, weights, samples, layouts, gradients))
      add(parameter, std::move(rows));
    return;
  }
  for (const auto& weight : weights) {
    const auto parameter = weight.leaves[0].parameter;
    if (weight.form == Weight::Form::derived) {
      for (auto& [below, rows] : derived_rows(weight, rule->rows(consumer, weight, gradients[0])))
        add(below, std::move(rows));
      continue;
    }
    const bool alone = parameters[parameter].uses == 1 && !owners.defined();
    auto ghost = alone ? rule->ghost(consumer, weight, gradients[0], ghost_choice) : nullptr;
    if (ghost)
      parameters[parameter].ghost = std::move(ghost);
    else
      add(parameter, rule->rows(consumer, weight, gradients[0]));
  }
}

void SampleGradients::State::run(const Graph& graph, const ParameterIndex& index,
                                 const at::Tensor& losses, const Options& options,
                                 LayoutMemory& memory) {
  Batch batch{graph, index, losses, {}, options.inputs.has_value()};
  if (options.inputs)
    for (const auto& input : *options.inputs)
      batch.inputs.push_back(ag::impl::gradient_edge(input));
  const GraphPattern pattern(graph, index, samples);
  auto layout = memory.find(pattern);
  if (layout && pass(graph, index, losses, *layout)) return;
  // A new graph, or one where a gradient was zero when it was probed and is not any more.
  memory.count_probe();
  auto found = probe_layout(batch);
  if (layout && layout->weights == found.weights) found.narrow_to(*layout);
  pass(graph, index, losses, found);
  memory.remember(pattern, std::move(found));
}

// False if the layout leaves open which sample some gradient belongs to: nothing is known then.
bool SampleGradients::State::pass(const Graph& graph, const ParameterIndex& index,
                                  const at::Tensor& losses, const GraphLayout& layout) {
  const auto uses = find_uses(graph, index, samples, layout.weights);
  for (auto& parameter : parameters) {
    parameter.uses = 0;
    parameter.rows.reset();
    parameter.ghost.reset();
  }
  generic_nodes.clear();
  std::vector<std::size_t> watched;
  for (std::size_t u = 0; u < uses.size(); ++u) {
    watched.push_back(uses[u].node);
    for (const auto& weight : uses[u].weights)
      for (const auto& leaf : weight.leaves) ++parameters[leaf.parameter].uses;
  }
  bool open = false;
  GraphPass pass(graph, watched);
  pass.run(at::ones_like(losses), !layout.settled,
           [&](std::size_t u, const ag::variable_list& gradients) {
             std::vector<std::optional<RowLayout>> rows(gradients.size());
             for (std::size_t output = 0; output < gradients.size(); ++output) {
               const auto& gradient = gradients[output];
               const auto& candidates = layout.rows[u][output];
               if (!gradient.defined()) continue;
               if (candidates.empty()) open |= gradient.ne(0).any().item<bool>();
               for (const auto& other : candidates)
                 open |= &other != candidates.data() &&
                         disagree(gradient, candidates[0], other, samples);
               if (!candidates.empty()) rows[output] = candidates[0];
             }
             const bool any =
                 std::ranges::any_of(rows, [](const auto& r) { return r.has_value(); });
             if (any && !open)
               visit(graph.nodes()[uses[u].node].node, uses[u].weights, rows, gradients);
           });
  return !open;
}

// The batch of one: its gradient is the sample's, and there is nothing to tell apart.
void SampleGradients::State::run_single(const Graph& graph, const ParameterIndex& index,
                                        const at::Tensor& losses) {
  std::vector<ag::Edge> leaves;
  std::vector<std::size_t> numbers;
  for (const auto& [node, children] : graph.nodes()) {
    const auto* leaf = dynamic_cast<const ag::AccumulateGrad*>(node.get());
    const auto found = leaf ? index.find(leaf->variable.unsafeGetTensorImpl()) : index.end();
    if (found == index.end()) continue;
    leaves.emplace_back(node, 0);
    numbers.push_back(found->second);
  }
  GraphPass pass(graph, {}, leaves);
  const auto gradients = pass.run(at::ones_like(losses), false, [](auto, const auto&) {});
  for (std::size_t k = 0; k < gradients.size(); ++k)
    if (gradients[k].defined()) add(numbers[k], gradients[k].reshape({1, -1}));
}

void SampleGradients::State::finish(const at::TensorOptions& options) {
  squared_norms = at::zeros({groups, patients}, options.dtype(at::kDouble).requires_grad(false));
  for (const auto& parameter : parameters) {
    at::Tensor squares;
    if (parameter.ghost)
      squares = parameter.ghost->squared_norms().to(at::kDouble).clamp_min_(0);
    else if (parameter.rows.defined())
      squares =
          at::linalg_vector_norm(parameter.rows, 2, at::IntArrayRef({1})).to(at::kDouble).square_();
    if (squares.defined()) squared_norms[parameter.group].add_(squares);
  }
  for (const auto& [name, times] : generic_nodes)
    notes.push_back(times == 1 ? name : name + " x " + std::to_string(times));
}

SampleGradients::SampleGradients(std::unique_ptr<State> state) : state_(std::move(state)) {}
SampleGradients::~SampleGradients() = default;
SampleGradients::SampleGradients(SampleGradients&&) noexcept = default;
SampleGradients& SampleGradients::operator=(SampleGradients&&) noexcept = default;

SampleGradients SampleGradients::of(const at::Tensor& losses,
                                    std::span<const at::Tensor> parameters, SampleLayouts& layouts,
                                    const Options& options) {
  const c10::NoGradGuard no_gradient;
  check(losses, parameters, options);
  auto state = std::make_unique<State>(losses, parameters, options);
  if (state->samples > 0) {
    ParameterIndex index;
    for (std::size_t p = 0; p < parameters.size(); ++p)
      index.emplace(parameters[p].unsafeGetTensorImpl(), p);
    const Graph graph(ag::impl::gradient_edge(losses));
    check_kinds(graph, state->samples);
    if (state->samples == 1)
      state->run_single(graph, index, losses);
    else
      state->run(graph, index, losses, options, *layouts.memory_);
  }
  state->finish(losses.options());
  return SampleGradients(std::move(state));
}

std::int64_t SampleGradients::patients() const { return state_->patients; }
const at::Tensor& SampleGradients::squared_norms() const { return state_->squared_norms; }
const std::vector<std::string>& SampleGradients::notes() const { return state_->notes; }

void SampleGradients::add_weighted_sum(const at::Tensor& factors,
                                       std::span<const at::Tensor> sums) const {
  const c10::NoGradGuard no_gradient;
  if (factors.sizes() != state_->squared_norms.sizes())
    refuse("a factor for every group and patient is needed",
           c10::str(state_->squared_norms.sizes()), c10::str(factors.sizes()));
  if (sums.size() != state_->parameters.size())
    refuse("a sum for every parameter is needed", std::to_string(state_->parameters.size()),
           std::to_string(sums.size()));
  // Zero times a number is zero, but zero times an infinity is not.
  const auto poisonous =
      factors.eq(0).logical_and_(at::isfinite(state_->squared_norms).logical_not_());
  const bool any_poisonous = poisonous.any().item<bool>();
  for (std::size_t p = 0; p < sums.size(); ++p) {
    const auto& parameter = state_->parameters[p];
    const auto& sum = sums[p];
    if (sum.sizes() != parameter.like.sizes() || !sum.is_contiguous() ||
        sum.scalar_type() != parameter.like.scalar_type())
      refuse("sum " + std::to_string(p) + " does not look like its parameter",
             c10::str("contiguous, ", parameter.like.scalar_type(), parameter.like.sizes()),
             c10::str(sum.scalar_type(), sum.sizes()));
    const auto weights = factors[parameter.group].to(sum.options());
    if (parameter.ghost) {
      sum.view({-1}).add_(parameter.ghost->weighted_sum(weights).reshape({-1}));
    } else if (parameter.rows.defined() && state_->patients > 0) {
      auto rows = parameter.rows;
      if (any_poisonous) rows = rows.masked_fill(poisonous[parameter.group].unsqueeze(1), 0);
      sum.view({-1}).addmv_(rows.t(), weights);
    }
  }
}

at::Tensor SampleGradients::of_parameter(std::size_t index) const {
  const auto& parameter = state_->parameters.at(index);
  if (parameter.ghost)
    refuse("the gradients of single samples were never formed", "Ghost::never", "a ghost");
  Shape shape(parameter.like.sizes().begin(), parameter.like.sizes().end());
  shape.insert(shape.begin(), state_->patients);
  return parameter.rows.defined() ? parameter.rows.view(shape)
                                  : at::zeros(shape, parameter.like.options());
}

}  // namespace collegium
