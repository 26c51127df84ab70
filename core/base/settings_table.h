#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace collegium {

inline constexpr int kMaxNesting = 32;  // tables and arrays inside one another

struct Position {
  std::uint32_t line = 0;  // 0: built by a program, not read from a text
  std::uint32_t column = 0;
};

struct SettingsTable;
struct SettingsValue;
using SettingsArray = std::vector<SettingsValue>;
struct SettingsMoment {  // a date or a time: no setting has this type, but it can be named and
                         // printed
  std::string text;
};

struct SettingsValue {
  std::variant<bool, std::int64_t, double, std::string, SettingsMoment, SettingsArray,
               std::shared_ptr<SettingsTable>>
      data;
  Position at = {};
};

// What stands behind Settings. Entries do not change while more than one Settings shares the table;
// the record of what was asked does, from any thread.
struct SettingsTable {
  std::shared_ptr<const std::string> source;  // null: built by a program
  std::string path;                           // "training.loss"; empty at the top
  Position at = {};
  std::map<std::string, SettingsValue, std::less<>> entries;

  mutable std::mutex mutex;  // guards the two sets
  mutable std::set<std::string, std::less<>> asked;
  mutable std::set<std::string, std::less<>> handed_out;  // sub-tables that somebody reads

  std::shared_ptr<SettingsTable> copy(
      const std::string& new_path) const;  // entries and record; sub-tables too if moved
  const SettingsValue* find(std::string_view key) const;  // records the question
  std::string name_of(std::string_view key) const {
    return path.empty() ? std::string(key) : path + "." + std::string(key);
  }
  std::string where(Position position, std::string_view key) const;
};

std::shared_ptr<SettingsTable> parse_settings(std::string_view toml,
                                              std::string source);  // throws ConfigError
std::string write_settings(const SettingsTable& table);
std::string write_value(const SettingsValue& value);  // on one line, as TOML
int nesting_of(const SettingsTable& table);           // 1 for a table of plain values

}  // namespace collegium
