#pragma once
#include <chrono>
#include <functional>
#include <string>

namespace collegium {

using WallClock = std::function<std::chrono::system_clock::time_point()>;

// "2026-11-23T15:40:01.123Z": UTC with milliseconds; text order is time order.
std::string timestamp(std::chrono::system_clock::time_point time);

}  // namespace collegium
