#pragma once
#include <mutex>
#include <utility>
#include <vector>

#include "transport/wakeup.h"

namespace collegium {

// Events from any thread for the one that runs a state machine.
template <class Event>
class EventQueue {
 public:
  explicit EventQueue(Wakeup& wakeup) : wakeup_(wakeup) {}

  void push(Event event) {
    bool first;
    {
      std::lock_guard lock(mutex_);
      first = events_.empty();
      events_.push_back(std::move(event));
    }
    if (first) wakeup_.ring();
  }

  std::vector<Event> take() {
    std::lock_guard lock(mutex_);
    return std::exchange(events_, {});
  }

 private:
  Wakeup& wakeup_;
  std::mutex mutex_;
  std::vector<Event> events_;
};

}  // namespace collegium
