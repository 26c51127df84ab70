#pragma once
#include <list>
#include <mutex>
#include <optional>
#include <typeindex>

#include "torch/per_sample/row_layout.h"
#include "torch/per_sample/uses.h"

namespace collegium::per_sample {

// What a probe found out about a graph.
struct GraphLayout {
  std::vector<char> weights;  // nodes that turned out to depend on parameters alone: find_uses()
  // For every use, for every output of its node, what the gradient allowed, the likeliest first:
  // none where it was zero, several where too much of it was.
  std::vector<std::vector<std::vector<RowLayout>>> rows;

  // Whether every gradient that flowed left exactly one: then a pass cannot find anything open, and
  // need not keep the graph for another.
  bool settled = true;

  // Drops what an earlier batch of the same graph contradicted.
  void narrow_to(const GraphLayout& earlier);
};

// A graph's nodes, edges and shapes. An extent that differs between two batches has to be
// proportional to the number of samples, and once seen to be so, or not, has to stay that way.
class GraphPattern {
 public:
  GraphPattern(const Graph& graph, const ParameterIndex& parameters, std::int64_t samples);

  // Whether `other` is the same graph for another number of samples. Learns from it if so.
  bool recognises(const GraphPattern& other);

 private:
  enum class Extent : char { unknown, constant, per_sample };
  std::int64_t samples_;
  std::vector<std::type_index> types_;
  std::vector<std::int64_t> structure_;
  std::vector<std::int64_t> extents_;
  std::vector<Extent> kinds_;
};

class LayoutMemory {
 public:
  std::optional<GraphLayout> find(const GraphPattern& graph);
  void remember(GraphPattern graph, GraphLayout layout);  // replaces what find() would have found
  std::size_t probes() const;
  void count_probe();

 private:
  struct Entry {
    GraphPattern graph;
    GraphLayout layout;
  };
  static constexpr std::size_t kMost = 32;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // the latest used first
  std::size_t probes_ = 0;
};

}  // namespace collegium::per_sample
