#include "torch/per_sample/layout_memory.h"

#include <algorithm>
#include <iterator>

#include <torch/csrc/autograd/functions/accumulate_grad.h>

#include "torch/per_sample/sample_layouts.h"

namespace collegium {
namespace per_sample {

void GraphLayout::narrow_to(const GraphLayout& earlier) {
  for (std::size_t u = 0; u < rows.size(); ++u) {
    for (std::size_t output = 0; output < rows[u].size(); ++output) {
      auto& now = rows[u][output];
      const auto& before = earlier.rows[u][output];
      if (now.empty()) now = before;  // silent in this batch
      std::vector<RowLayout> both;
      std::ranges::copy_if(now, std::back_inserter(both), [&](RowLayout layout) {
        return std::ranges::find(before, layout) != before.end();
      });
      if (!both.empty()) now = std::move(both);
    }
  }
}

GraphPattern::GraphPattern(const Graph& graph, const ParameterIndex& parameters,
                           std::int64_t samples)
    : samples_(samples) {
  for (const auto& [node, children] : graph.nodes()) {
    types_.emplace_back(typeid(*node));
    structure_.push_back(static_cast<std::int64_t>(children.size()));
    for (std::size_t k = 0; k < children.size(); ++k) {
      structure_.push_back(children[k]);
      structure_.push_back(node->next_edge(k).input_nr);
    }
    if (const auto* leaf = dynamic_cast<const ag::AccumulateGrad*>(node.get())) {
      const auto found = parameters.find(leaf->variable.unsafeGetTensorImpl());
      structure_.push_back(found == parameters.end() ? -1
                                                     : static_cast<std::int64_t>(found->second));
    }
    structure_.push_back(node->num_inputs());
    for (std::size_t output = 0; output < node->num_inputs(); ++output) {
      const auto shape = output_shape(*node, output);
      structure_.push_back(static_cast<std::int64_t>(shape.size()));
      extents_.insert(extents_.end(), shape.begin(), shape.end());
    }
  }
  kinds_.assign(extents_.size(), Extent::unknown);
}

bool GraphPattern::recognises(const GraphPattern& other) {
  if (types_ != other.types_ || structure_ != other.structure_ ||
      extents_.size() != other.extents_.size())
    return false;
  if (samples_ == other.samples_) return extents_ == other.extents_;
  auto kinds = kinds_;
  for (std::size_t i = 0; i < extents_.size(); ++i) {
    const bool constant = extents_[i] == other.extents_[i];
    const bool scaled = extents_[i] * other.samples_ == other.extents_[i] * samples_;
    const auto kind = constant ? Extent::constant : Extent::per_sample;
    if (constant == scaled) {
      if (!constant) return false;
      continue;  // zero
    }
    if (kinds[i] != Extent::unknown && kinds[i] != kind) return false;
    kinds[i] = kind;
  }
  kinds_ = std::move(kinds);
  return true;
}

std::optional<GraphLayout> LayoutMemory::find(const GraphPattern& graph) {
  const std::lock_guard lock(mutex_);
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (!entry->graph.recognises(graph)) continue;
    entries_.splice(entries_.begin(), entries_, entry);
    return entry->layout;
  }
  return {};
}

void LayoutMemory::remember(GraphPattern graph, GraphLayout layout) {
  const std::lock_guard lock(mutex_);
  entries_.remove_if([&](Entry& entry) { return entry.graph.recognises(graph); });
  entries_.push_front({std::move(graph), std::move(layout)});
  if (entries_.size() > kMost) entries_.pop_back();
}

std::size_t LayoutMemory::probes() const {
  const std::lock_guard lock(mutex_);
  return probes_;
}

void LayoutMemory::count_probe() {
  const std::lock_guard lock(mutex_);
  ++probes_;
}

}  // namespace per_sample

SampleLayouts::SampleLayouts() : memory_(std::make_unique<per_sample::LayoutMemory>()) {}
SampleLayouts::~SampleLayouts() = default;
std::size_t SampleLayouts::probes() const { return memory_->probes(); }

}  // namespace collegium
