#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>

#include "transport/wakeup.h"

namespace collegium {

// Lets any thread see a state that one thread owns: the owner makes a copy when somebody asks, and
// only then.
template <class Snapshot>
class SnapshotDoor {
 public:
  SnapshotDoor(Wakeup& wakeup, std::function<Snapshot()> make)
      : wakeup_(wakeup), make_(std::move(make)), last_(make_()) {}

  Snapshot ask() {
    std::unique_lock lock(mutex_);
    if (!open_) return last_;
    asked_ = true;
    wakeup_.ring();
    answered_.wait(lock, [this] { return !asked_ || !open_; });
    return last_;
  }

  // The owner's side.
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
  }
  void answer() {
    std::lock_guard lock(mutex_);
    if (asked_) renew();
  }
  void close() {
    std::lock_guard lock(mutex_);
    open_ = false;
    renew();
  }

 private:
  void renew() {
    last_ = make_();
    asked_ = false;
    answered_.notify_all();
  }

  Wakeup& wakeup_;
  std::function<Snapshot()> make_;
  std::mutex mutex_;
  std::condition_variable answered_;
  Snapshot last_;
  bool open_ = false;
  bool asked_ = false;
};

}  // namespace collegium
