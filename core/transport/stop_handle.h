#pragma once
#include <atomic>
#include <memory>

#include "transport/wakeup.h"

namespace collegium {

// Asks a running driver to end cleanly. Copies mean the same run; request() may be called from any
// thread, before the run starts, and from a signal handler.
class StopHandle {
 public:
  StopHandle() : state_(std::make_shared<State>()) {}

  void request() noexcept {
    state_->requested.store(true, std::memory_order_release);
    state_->wakeup.ring();
  }
  bool requested() const noexcept { return state_->requested.load(std::memory_order_acquire); }
  Wakeup& wakeup() const { return state_->wakeup; }  // what the driver waits on

 private:
  struct State {
    std::atomic<bool> requested{false};
    Wakeup wakeup;
  };
  static_assert(std::atomic<bool>::is_always_lock_free);
  std::shared_ptr<State> state_;
};

}  // namespace collegium
