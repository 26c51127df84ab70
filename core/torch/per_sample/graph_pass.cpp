#include "torch/per_sample/graph_pass.h"

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/function_hook.h>

#include <algorithm>

#include "collegium/error.h"

namespace collegium::per_sample {

struct GraphPass::Shared {
  const Visit* visit = nullptr;  // set while a pass runs
  std::vector<char> seen;
};

namespace {

// A tensor pre-hook, because the engine does not run a node that is only captured.
class Hook final : public ag::FunctionPreHook {
 public:
  Hook(std::shared_ptr<GraphPass::Shared> shared, std::size_t watched)
      : shared_(std::move(shared)), watched_(watched) {}

  ag::variable_list operator()(const ag::variable_list& gradients) override {
    if (!shared_->visit) return gradients;
    const c10::NoGradGuard no_gradient;
    shared_->seen[watched_] = 1;
    const bool any = std::ranges::any_of(gradients, [](const auto& g) { return g.defined(); });
    if (any) (*shared_->visit)(watched_, gradients);
    return gradients;
  }

 private:
  std::shared_ptr<GraphPass::Shared> shared_;
  std::size_t watched_;
};

}  // namespace

GraphPass::GraphPass(const Graph& graph, std::vector<std::size_t> watched,
                     std::vector<ag::Edge> wanted)
    : graph_(graph),
      watched_(std::move(watched)),
      captured_(std::move(wanted)),
      wanted_(captured_.size()),
      shared_(std::make_shared<Shared>()) {
  const auto& nodes = graph_.nodes();
  std::vector<char> needed(nodes.size(), 0), below(nodes.size(), 0);
  for (const auto node : watched_) needed[node] = 1;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const auto& edge : captured_) needed[i] |= edge.function == nodes[i].node;
    for (const auto child : nodes[i].children)
      if (child >= 0) below[i] |= needed[static_cast<std::size_t>(child)];
    needed[i] |= below[i];
  }
  for (std::size_t w = 0; w < watched_.size(); ++w) {
    const auto& node = nodes[watched_[w]].node;
    if (!below[watched_[w]]) captured_.emplace_back(node, 0);
    node->add_tensor_pre_hook(std::make_unique<Hook>(shared_, w));
  }
}

GraphPass::~GraphPass() { shared_->visit = nullptr; }

std::vector<at::Tensor> GraphPass::run(const at::Tensor& seeds, bool keep_graph,
                                       const Visit& visit) {
  shared_->seen.assign(watched_.size(), 0);
  shared_->visit = &visit;
  const auto leave = std::unique_ptr<Shared, void (*)(Shared*)>(
      shared_.get(), [](Shared* shared) { shared->visit = nullptr; });
  if (captured_.empty()) return {};
  auto found = ag::Engine::get_default_engine().execute({{graph_.nodes().back().node, 0}}, {seeds},
                                                        keep_graph, false, false, captured_);
  for (std::size_t w = 0; w < watched_.size(); ++w)
    if (!shared_->seen[w])
      throw ConfigError({.what = "the backward pass did not reach a node that takes a parameter",
                         .where = graph_.at(watched_[w]).name(),
                         .remedy = "this torch version orders its passes in a way that is not "
                                   "known here: take per-sample gradients in a loop"});
  found.resize(wanted_);
  return found;
}

std::vector<at::Tensor> backward_between(const ag::edge_list& start,
                                         const ag::variable_list& gradients,
                                         const ag::edge_list& ends) {
  return ag::Engine::get_default_engine().execute(start, gradients, true, false, false, ends);
}

}  // namespace collegium::per_sample
