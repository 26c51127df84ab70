#pragma once
#include <cstddef>
#include <memory>

namespace collegium {

namespace per_sample {
class LayoutMemory;
}

// What was learned about graphs of one network: where the samples lie in the gradient of each node.
// Finding out takes extra backward passes, so keep one of these beside the network for as long as
// it trains. A graph is recognised by its nodes, how they are connected and all their shapes, up to
// the number of samples; 32 graphs are remembered. May be shared by threads.
class SampleLayouts {
 public:
  SampleLayouts();
  ~SampleLayouts();
  SampleLayouts(const SampleLayouts&) = delete;
  SampleLayouts& operator=(const SampleLayouts&) = delete;

  std::size_t probes() const;  // how often the layout of a graph had to be found, so far

 private:
  friend class SampleGradients;
  std::unique_ptr<per_sample::LayoutMemory> memory_;
};

}  // namespace collegium
