#pragma once
#include <torch/csrc/autograd/edge.h>
#include <torch/csrc/autograd/function.h>

#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace collegium::per_sample {

namespace ag = torch::autograd;

// What holds a node: an intrusive pointer since torch 2.13, a std::shared_ptr before.
using NodePtr = std::remove_cvref_t<decltype(ag::Edge::function)>;
using Shape = std::vector<std::int64_t>;

template <class N, class... Arguments>
NodePtr make_node(Arguments&&... arguments) {
  if constexpr (std::is_same_v<NodePtr, std::shared_ptr<ag::Node>>)
    return NodePtr(new N(std::forward<Arguments>(arguments)...));
  else
    return c10::make_intrusive<N>(std::forward<Arguments>(arguments)...);
}

struct GraphNode {
  NodePtr node;
  std::vector<std::int64_t> children;  // an index for every edge, -1 where nothing flows
};

// Every node that a backward pass from `root` can reach, children before parents, the root last.
class Graph {
 public:
  explicit Graph(const ag::Edge& root);

  const std::vector<GraphNode>& nodes() const { return nodes_; }
  ag::Node& at(std::size_t i) const { return *nodes_[i].node; }

 private:
  std::vector<GraphNode> nodes_;
};

// The shape of what the node computed, which is that of the gradient that comes in.
Shape output_shape(const ag::Node& node, std::size_t output);

// "AddmmBackward0" without what only autograd cares about: "Addmm".
std::string operation(const ag::Node& node);

}  // namespace collegium::per_sample
