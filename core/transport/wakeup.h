#pragma once

namespace collegium {

// Ends another thread's poll. ring() may be called from any thread and from a signal handler.
class Wakeup {
 public:
  Wakeup();
  ~Wakeup();
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  void ring() noexcept;
  void hear() noexcept;                           // forget the rings so far
  int descriptor() const { return descriptor_; }  // readable when it was rung

 private:
  int descriptor_;
};

}  // namespace collegium
