#include "store/timestamp.h"

#include <array>
#include <cstdio>
#include <ctime>

namespace collegium {

std::string timestamp(std::chrono::system_clock::time_point time) {
  const auto milliseconds =
      std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
  auto seconds = static_cast<std::time_t>(milliseconds / 1000);
  auto rest = static_cast<int>(milliseconds % 1000);
  if (rest < 0) {
    rest += 1000;
    --seconds;
  }
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  const int size = std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                                 parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                                 parts.tm_hour, parts.tm_min, parts.tm_sec, rest);
  return {text.data(), static_cast<std::size_t>(size)};
}

}  // namespace collegium
