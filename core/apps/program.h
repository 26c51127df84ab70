#pragma once
#include <csignal>
#include <cstdio>
#include <exception>

#include "base/log.h"
#include "collegium/error.h"
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

// Says what was wrong. Ctrl-C, at the question for a passphrase too, is a stop.
inline int ended_by(const char* program, const std::exception& error) {
  std::fprintf(stderr, "%s: %s\n", program, error.what());
  if (stop_handle().requested()) return kStopped;
  return dynamic_cast<const Error*>(&error) ? kBadInput : kFailed;
}

inline Level level_of(LogEvent::Level level) {
  if (level == LogEvent::Level::warning) return Level::warning;
  return level == LogEvent::Level::error ? Level::error : Level::info;
}

}  // namespace collegium
