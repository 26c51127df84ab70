#include "torch/per_sample/layout_probe.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/exp2.h>
#include <ATen/ops/ones_like.h>

#include <algorithm>
#include <map>

#include "collegium/error.h"
#include "torch/per_sample/graph_pass.h"
#include "torch/per_sample/node_rule.h"

namespace collegium::per_sample {
namespace {

constexpr auto kBatchNormRemedy =
    "use group, layer or instance normalisation instead, or put that layer in evaluation mode";

[[noreturn]] void refuse_batch_statistics(const ag::Node& node) {
  throw ConfigError(
      {.what =
           "batch normalisation in training mixes the samples of a batch, so that no sample has "
           "a gradient of its own",
       .where = node.name(),
       .remedy = kBatchNormRemedy});
}

using Searches = std::map<std::size_t, LayoutSearch>;  // by output

struct Findings {
  std::vector<Searches> watched;
  std::vector<std::optional<LayoutSearch>> inputs;
};

// One pass with seeds of one and as many as it takes to tell all samples apart.
Findings search(const Batch& batch, const std::vector<std::size_t>& watched) {
  const auto samples = batch.losses.size(0);
  GraphPass pass(batch.graph, watched, batch.inputs);
  Findings findings{.watched = std::vector<Searches>(watched.size())};
  const auto inputs =
      pass.run(at::ones_like(batch.losses), true, [&](std::size_t w, const auto& g) {
        for (std::size_t output = 0; output < g.size(); ++output)
          if (g[output].defined())
            findings.watched[w].emplace(output, LayoutSearch(g[output], samples));
      });
  for (const auto& gradient : inputs)
    findings.inputs.push_back(gradient.defined() ? std::optional(LayoutSearch(gradient, samples))
                                                 : std::nullopt);
  for (const auto& exponents : probe_exponents(samples, batch.losses.options())) {
    const auto coded = pass.run(at::exp2(exponents).to(batch.losses.scalar_type()), true,
                                [&](std::size_t w, const auto& g) {
                                  for (auto& [output, search] : findings.watched[w])
                                    if (g[output].defined()) search.see(g[output], exponents);
                                });
    for (std::size_t i = 0; i < coded.size(); ++i)
      if (findings.inputs[i] && coded[i].defined()) findings.inputs[i]->see(coded[i], exponents);
  }
  return findings;
}

bool is_mixed(const LayoutSearch& search) { return !search.silent() && search.left().empty(); }
bool is_mixed(const Searches& outputs) {
  return std::ranges::any_of(outputs, [](const auto& o) { return is_mixed(o.second); });
}

// Nodes on a path from the losses to where samples meet a parameter, or to the inputs.
std::vector<std::size_t> nodes_of_samples(const Batch& batch, const std::vector<Use>& uses) {
  const auto& nodes = batch.graph.nodes();
  std::vector<char> carries(nodes.size(), 0);
  std::vector<std::size_t> found;
  for (const auto& use : uses) carries[use.node] = 1;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto on_path = [&](auto child) {
      return child >= 0 && (carries[static_cast<std::size_t>(child)] ||
                            std::ranges::any_of(batch.inputs, [&](const auto& input) {
                              return input.function == nodes[static_cast<std::size_t>(child)].node;
                            }));
    };
    carries[i] |= std::ranges::any_of(nodes[i].children, on_path);
    if (carries[i]) found.push_back(i);
  }
  return found;
}

// The first operation, counted from the losses, below which gradients are no longer separate.
std::string place_of_mixing(const Batch& batch, const std::vector<Use>& uses) {
  const auto watched = nodes_of_samples(batch, uses);
  const auto findings = search(batch, watched);
  std::vector<char> mixed(batch.graph.nodes().size(), 0);
  for (std::size_t w = 0; w < watched.size(); ++w)
    mixed[watched[w]] = is_mixed(findings.watched[w]);
  for (auto node = watched.rbegin(); node != watched.rend(); ++node) {
    if (mixed[*node]) continue;
    std::int64_t nearest = -1;
    for (const auto child : batch.graph.nodes()[*node].children)
      if (child >= 0 && mixed[static_cast<std::size_t>(child)]) nearest = std::max(nearest, child);
    if (nearest >= 0)
      return batch.graph.at(static_cast<std::size_t>(nearest)).name() + ", which feeds " +
             batch.graph.at(*node).name();
  }
  return "next to the network's inputs";
}

[[noreturn]] void refuse_mixing(const Batch& batch, const std::vector<Use>& uses,
                                bool meets_unknown) {
  throw ConfigError(
      {.what = "the samples of a batch are mixed, so that no sample has a gradient of its own",
       .where = place_of_mixing(batch, uses),
       .expected = "every operation treats samples independently",
       .remedy = meets_unknown
                     ? "if a constant meets a parameter there, give the batch as `inputs`, with "
                       "gradients, so that constants are known from samples; else compute "
                       "statistics within a sample"
                     : "compute statistics within a sample: group instead of batch normalisation, "
                       "no means, sorting or matching across the batch"});
}

}  // namespace

void check_kinds(const Graph& graph, std::int64_t samples) {
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const auto& node = graph.at(i);
    if (takes_batch_statistics(node) && output_shape(node, 0)[0] != 1)
      refuse_batch_statistics(node);
    if (node.name().starts_with("CheckpointFunction"))
      throw ConfigError({.what =
                             "checkpointing hides a part of the network, parameters included, in "
                             "a backward pass of its own",
                         .where = node.name(),
                         .remedy = "do not checkpoint activations under per-sample gradients"});
    if (samples > 1 && counts_over_batch(node))
      throw ConfigError(
          {.what = "an embedding divides its gradients by counts over the whole batch",
           .where = node.name(),
           .remedy = "set scale_grad_by_freq=False"});
  }
}

GraphLayout probe_layout(const Batch& batch) {
  const auto samples = batch.losses.size(0);
  GraphLayout layout{.weights = std::vector<char>(batch.graph.nodes().size(), 0), .rows = {}};
  while (true) {
    const auto uses = find_uses(batch.graph, batch.parameters, samples, layout.weights);
    std::vector<std::size_t> watched;
    for (const auto& use : uses) watched.push_back(use.node);
    for (std::size_t i = 0; i < batch.graph.nodes().size(); ++i)
      if (takes_batch_statistics(batch.graph.at(i)) &&
          std::ranges::find(watched, i) == watched.end())
        watched.push_back(i);
    const auto findings = search(batch, watched);
    bool again = false;
    for (std::size_t u = 0; u < uses.size(); ++u) {
      if (!is_mixed(findings.watched[u])) continue;
      const bool constant =
          uses[u].may_be_weight && (!uses[u].meets_unknown || batch.inputs_are_known);
      if (!constant) refuse_mixing(batch, uses, uses[u].meets_unknown);
      layout.weights[uses[u].node] = again = true;
    }
    if (again) continue;
    for (const auto& input : findings.inputs)
      if (input && is_mixed(*input)) refuse_mixing(batch, uses, false);

    for (std::size_t w = 0; w < watched.size(); ++w) {
      auto& rows = layout.rows.emplace_back(batch.graph.at(watched[w]).num_inputs());
      const bool statistics = takes_batch_statistics(batch.graph.at(watched[w]));
      for (const auto& [output, search] : findings.watched[w]) {
        if (w < uses.size() && (search.silent() || search.left().size() > 1))
          layout.settled = false;
        if (search.silent()) continue;
        if (statistics &&
            (search.left().empty() ||
             std::ranges::none_of(search.left(), [](auto layout) { return layout.axis == 1; })))
          refuse_batch_statistics(batch.graph.at(watched[w]));
        rows[output] = search.left();
      }
    }
    layout.rows.resize(uses.size());
    return layout;
  }
}

}  // namespace collegium::per_sample
