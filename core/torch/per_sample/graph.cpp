#include "torch/per_sample/graph.h"

#include <unordered_map>

namespace collegium::per_sample {

// Depth first with a stack of its own: graphs of recurrent networks are deeper than a thread's.
Graph::Graph(const ag::Edge& root) {
  struct Visit {
    NodePtr node;
    std::size_t next = 0;
    std::vector<std::int64_t> children = {};
  };
  std::unordered_map<const ag::Node*, std::int64_t> finished;
  std::vector<Visit> open;
  open.push_back({root.function});
  while (!open.empty()) {
    auto& visit = open.back();
    const auto& edges = visit.node->next_edges();
    NodePtr child;
    while (visit.next < edges.size() && !child) {
      const auto& edge = edges[visit.next];
      if (!edge.function) {
        visit.children.push_back(-1);
      } else if (const auto known = finished.find(edge.function.get()); known != finished.end()) {
        visit.children.push_back(known->second);
      } else {
        child = edge.function;  // its index is known when it is done: then we look again
        break;
      }
      ++visit.next;
    }
    if (child) {
      open.push_back({std::move(child)});
      continue;
    }
    finished.emplace(visit.node.get(), static_cast<std::int64_t>(nodes_.size()));
    nodes_.push_back({std::move(visit.node), std::move(visit.children)});
    open.pop_back();
  }
}

Shape output_shape(const ag::Node& node, std::size_t output) {
  Shape shape;
  for (const auto& extent :
       node.input_metadata(static_cast<std::uint32_t>(output)).shape_as_dim_vector())
    shape.push_back(extent.expect_int());
  return shape;
}

std::string operation(const ag::Node& node) {
  auto name = node.name();
  const auto end = name.find("Backward");
  return end == std::string::npos ? name : name.substr(0, end);
}

}  // namespace collegium::per_sample
