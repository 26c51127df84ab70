#include "torch/graph/memory_limit.h"

#include <c10/core/CPUAllocator.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "collegium/error.h"

namespace collegium {

class MemoryLimit::Count {
 public:
  explicit Count(std::int64_t limit) : limit(limit) {}

  void take(std::size_t bytes) {
    const auto size = static_cast<std::int64_t>(std::min<std::size_t>(bytes, INT64_MAX / 2));
    if (held_.fetch_add(size) + size <= limit) return;
    held_ -= size;
    throw DataError({.what = "the network takes more memory than it may",
                     .expected = "at most " + std::to_string(limit) + " bytes at a time",
                     .found = std::to_string(held_) + ", and another " + std::to_string(size),
                     .remedy = "smaller batches or windows, or a larger [policy.graph] memory"});
  }
  void give_back(std::size_t bytes) { held_ -= static_cast<std::int64_t>(bytes); }

  const std::int64_t limit;

 private:
  std::atomic<std::int64_t> held_ = 0;
};

namespace {

using Count = MemoryLimit::Count;

thread_local std::shared_ptr<Count> counted;

// Counts for threads that have a limit, and is what was there before for the others. What it
// counted is found by its address, since libraries under torch hand memory back by nothing else.
class CountingAllocator final : public c10::Allocator {
 public:
  explicit CountingAllocator(c10::Allocator& inner) : inner_(inner) {}

  c10::DataPtr allocate(std::size_t bytes) override {
    if (!counted || bytes == 0) return inner_.allocate(bytes);
    const auto count = counted;
    count->take(bytes);
    try {
      auto memory = inner_.allocate(bytes);
      void* data = memory.get();
      const auto device = memory.device();
      const std::lock_guard lock(mutex_);
      pieces_.insert_or_assign(data, Piece{count, bytes, std::move(memory)});
      return {data, data, &CountingAllocator::free, device};
    } catch (...) {
      count->give_back(bytes);
      throw;
    }
  }
  c10::DeleterFnPtr raw_deleter() const override { return &CountingAllocator::free; }
  void copy_data(void* to, const void* from, std::size_t count) const override {
    inner_.copy_data(to, from, count);
  }

  static CountingAllocator& installed() {  // for ever: tensors know the allocator they came from
    static auto& allocator = *[] {
      auto* made = new CountingAllocator(*c10::GetCPUAllocator());
      c10::SetCPUAllocator(made, UINT8_MAX);
      return made;
    }();
    return allocator;
  }

 private:
  struct Piece {
    std::shared_ptr<Count> count;
    std::size_t bytes;
    c10::DataPtr memory;
  };

  static void free(void* data) {
    auto& self = installed();
    std::unique_lock lock(self.mutex_);
    const auto piece = self.pieces_.extract(data);
    lock.unlock();
    if (piece.empty())
      self.inner_.raw_deallocate(data);
    else
      piece.mapped().count->give_back(piece.mapped().bytes);
  }

  c10::Allocator& inner_;
  std::mutex mutex_;
  std::unordered_map<void*, Piece> pieces_;
};

}  // namespace

MemoryLimit::MemoryLimit(std::int64_t bytes) {
  CountingAllocator::installed();
  outer_ = std::exchange(counted, std::make_shared<Count>(std::min(bytes, of_this_machine())));
}

MemoryLimit::~MemoryLimit() { counted = std::move(outer_); }

std::int64_t MemoryLimit::current() { return counted ? counted->limit : 0; }

std::int64_t MemoryLimit::of_this_machine() {
  return static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
}

}  // namespace collegium
