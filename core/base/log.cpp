#include "base/log.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>

namespace collegium {
namespace {

std::string clock_text() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm local{};
  ::localtime_r(&seconds, &local);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%02d:%02d:%02d.%03d", local.tm_hour, local.tm_min,
                local.tm_sec, static_cast<int>(milliseconds));
  return text.data();
}

}  // namespace

std::string_view name_of(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
  }
  return "error";
}

std::string log_line(Level level, std::string_view text) {
  std::string line(name_of(level));
  line += ' ';
  for (const char c : text) {
    if (c == '\n') {
      line += "\n    ";
    } else {
      line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    }
  }
  return line;
}

LogSink log_to_stderr(Level least) {
  return [least](Level level, std::string_view text) {
    if (level < least) return;
    const std::string line = clock_text() + " " + log_line(level, text) + "\n";
    std::fwrite(line.data(), 1, line.size(),
                stderr);  // one call, so that lines of several threads do not mix
  };
}

}  // namespace collegium
