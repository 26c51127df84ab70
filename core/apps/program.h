#pragma once
#include <csignal>

#include "base/log.h"
#include "federation/events.h"
#include "transport/stop_handle.h"

// What the headless programs have in common.
namespace collegium {

// Exit codes, as `collegium` has them.
inline constexpr int kDone = 0, kFailed = 1, kBadInput = 2, kStopped = 130;

inline StopHandle& stop_handle() {
  static StopHandle handle;
  return handle;
}

inline void stop_on_signals() {
  const auto request = [](int) { stop_handle().request(); };
  std::signal(SIGINT, request);
  std::signal(SIGTERM, request);
}

inline Level level_of(LogEvent::Level level) {
  if (level == LogEvent::Level::warning) return Level::warning;
  return level == LogEvent::Level::error ? Level::error : Level::info;
}

}  // namespace collegium
