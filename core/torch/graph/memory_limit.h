#pragma once
#include <cstdint>
#include <memory>

namespace collegium {

// While it lives, what this thread takes from torch's allocator of main memory is counted until it
// is freed, by whichever thread: operators' results and scratch space, what autograd keeps, and
// gradients. What would exceed the limit is a DataError before it is allocated. A GPU's memory is
// bounded by the GPU.
class MemoryLimit {
 public:
  explicit MemoryLimit(std::int64_t bytes);  // at most what this machine has
  ~MemoryLimit();
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;

  // Of this thread, the innermost: what the values of a graph may be at most. None: 0.
  static std::int64_t current();
  static std::int64_t of_this_machine();

  class Count;

 private:
  std::shared_ptr<Count> outer_;
};

}  // namespace collegium
