#pragma once
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace collegium {

// Runs `produce` on a thread of its own, at most `depth` items ahead of the consumer, in order.
// produce returns nothing at the end. What it throws comes out of next() after the items made
// before. Destroying it stops after the item in the making.
template <class Item>
class Prefetcher {
 public:
  Prefetcher(std::function<std::optional<Item>()> produce, std::size_t depth)
      : produce_(std::move(produce)), depth_(depth > 0 ? depth : 1), thread_([this] { run(); }) {}
  ~Prefetcher() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    room_.notify_all();
    thread_.join();
  }
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  // The next item, or nothing after the last one.
  std::optional<Item> next() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return !queue_.empty() || finished_; });
    if (queue_.empty()) {
      if (error_) std::rethrow_exception(error_);
      return std::nullopt;
    }
    Item item = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    room_.notify_one();
    return item;
  }

 private:
  void run() {
    try {
      while (wait_for_room()) {
        std::optional<Item> item = produce_();
        if (!item) break;
        push(std::move(*item));
      }
      finish(nullptr);
    } catch (...) {
      finish(std::current_exception());
    }
  }

  bool wait_for_room() {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [this] { return queue_.size() < depth_ || stopping_; });
    return !stopping_;
  }

  void push(Item item) {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(std::move(item));
    }
    ready_.notify_one();
  }

  void finish(std::exception_ptr error) {
    {
      const std::lock_guard lock(mutex_);
      finished_ = true;
      error_ = error;
    }
    ready_.notify_all();
  }

  std::function<std::optional<Item>()> produce_;
  const std::size_t depth_;
  std::mutex mutex_;
  std::condition_variable ready_, room_;
  std::deque<Item> queue_;
  std::exception_ptr error_;
  bool stopping_ = false, finished_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace collegium
