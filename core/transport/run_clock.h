#pragma once
#include <chrono>

namespace collegium {

// Seconds since the Unix epoch that never run backwards: a steady clock, anchored once.
class RunClock {
 public:
  double now() const {
    return anchor_ +
           std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  double anchor_ =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// For poll(): milliseconds until `when`, rounded up; 0 when it has passed, a minute at most.
inline int milliseconds_until(double when, double now) {
  constexpr double kLongest = 60.0;
  const double seconds = when - now;
  if (!(seconds > 0)) return 0;
  return static_cast<int>((seconds < kLongest ? seconds : kLongest) * 1000) + 1;
}

}  // namespace collegium
