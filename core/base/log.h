#pragma once
#include <functional>
#include <string>
#include <string_view>

namespace collegium {

enum class Level { debug, info, warning, error };
std::string_view name_of(Level level);

// Where a part of the program reports to. Handed down, never global; may be called from any thread.
using LogSink = std::function<void(Level, std::string_view text)>;

// One line a message on standard error: "14:03:07.512 warning text". Control characters, which a
// peer may have sent, are shown as '?'; further lines are indented.
LogSink log_to_stderr(Level least = Level::info);
std::string log_line(Level level, std::string_view text);  // the same line without the time

}  // namespace collegium
