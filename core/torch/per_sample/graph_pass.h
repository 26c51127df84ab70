#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>

#include "torch/per_sample/graph.h"

namespace collegium::per_sample {

// Backward passes over a graph that look at gradients on their way instead of keeping them: `visit`
// gets the gradients of a watched node's outputs just before that node would use them. Nothing is
// accumulated into leaves, and nothing is computed below the lowest watched nodes.
//
// Hooks stay on the graph's nodes as long as the graph lives; once this object is gone they do
// nothing.
class GraphPass {
 public:
  using Visit = std::function<void(std::size_t watched, const ag::variable_list& gradients)>;

  // `watched` are indices of nodes; `wanted` are edges into leaves whose gradients run() returns.
  GraphPass(const Graph& graph, std::vector<std::size_t> watched,
            std::vector<ag::Edge> wanted = {});
  ~GraphPass();
  GraphPass(const GraphPass&) = delete;
  GraphPass& operator=(const GraphPass&) = delete;

  std::vector<at::Tensor> run(const at::Tensor& seeds, bool keep_graph, const Visit& visit);

  struct Shared;

 private:
  const Graph& graph_;
  std::vector<std::size_t> watched_;
  ag::edge_list captured_;
  std::size_t wanted_;
  std::shared_ptr<Shared> shared_;
};

// Gradients of `ends` for gradients that come in at `start`, without touching any leaf; the graph
// between them is kept. May be called from within a visit.
std::vector<at::Tensor> backward_between(const ag::edge_list& start,
                                         const ag::variable_list& gradients,
                                         const ag::edge_list& ends);

}  // namespace collegium::per_sample
