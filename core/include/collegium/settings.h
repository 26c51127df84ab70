#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collegium/api.h"

namespace collegium {

struct SettingsTable;

// One TOML table, with the position of every key, as configuration files, plugin settings and
// message bodies are read.
//
// Getters check the type and throw ConfigError with file:line:column, expected and found. A getter
// with a fallback accepts a missing key; one without refuses it. Every key asked for counts as
// known: after reading all it wants, a reader calls `refuse_unknown()`, which names a misspelt key
// and the nearest known one. Copying is cheap (the table is shared and immutable once parsed); the
// record of asked keys belongs to the table.
class COLLEGIUM_API Settings {
 public:
  Settings();  // an empty table
  ~Settings();
  Settings(const Settings&);
  Settings& operator=(const Settings&);

  // `source` is the file's name as messages print it. Nesting deeper than 32 tables or arrays is
  // refused.
  static Settings parse(std::string_view toml, std::string source);
  static Settings load(const std::string& path);

  bool contains(std::string_view key) const;
  std::vector<std::string> keys() const;

  bool boolean(std::string_view key) const;
  bool boolean(std::string_view key, bool fallback) const;
  std::int64_t integer(std::string_view key) const;
  std::int64_t integer(std::string_view key, std::int64_t fallback) const;
  double number(std::string_view key) const;  // an integer is a number too; nan and inf are refused
  double number(std::string_view key, double fallback) const;
  std::string text(std::string_view key) const;
  std::string text(std::string_view key, std::string fallback) const;
  std::vector<double> numbers(std::string_view key) const;  // missing: empty
  std::vector<std::int64_t> integers(std::string_view key) const;
  std::vector<std::string> texts(std::string_view key) const;
  Settings table(std::string_view key) const;                // missing: an empty table
  std::vector<Settings> tables(std::string_view key) const;  // [[key]]; missing: empty

  // Range checks with the same error; bounds are inclusive, so an infinite bound admits that
  // infinity.
  std::int64_t integer_in(std::string_view key, std::int64_t fallback, std::int64_t low,
                          std::int64_t high) const;
  double number_in(std::string_view key, double fallback, double low, double high) const;
  std::string one_of(std::string_view key, std::string fallback,
                     const std::vector<std::string>& allowed) const;

  void refuse_unknown() const;  // also inside every sub-table that was handed out
  void accept_all()
      const;  // counts every key as known, at every depth: somebody else reads and checks them
  std::string where(
      std::string_view key) const;  // "federation.toml:12:3", or the table's own position

  // Building: for message bodies and for settings that come from Python. Later sets replace earlier
  // ones.
  void set(std::string_view key, bool value);
  void set(std::string_view key, std::int64_t value);
  void set(std::string_view key, int value) { set(key, std::int64_t{value}); }
  void set(std::string_view key, double value);
  void set(std::string_view key, std::string value);
  void set(std::string_view key, const char* value) { set(key, std::string(value)); }
  void set(std::string_view key, const std::vector<double>& value);
  void set(std::string_view key, const std::vector<std::int64_t>& value);
  void set(std::string_view key, const std::vector<std::string>& value);
  void set(std::string_view key, const Settings& table);

  std::string to_toml()
      const;  // keys in insertion-independent (sorted) order: equal tables give equal bytes

 private:
  explicit Settings(std::shared_ptr<SettingsTable> table);
  SettingsTable& own();  // before a change: makes the table this object's alone

  std::shared_ptr<SettingsTable> table_;
};

}  // namespace collegium
