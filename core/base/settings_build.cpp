#include <algorithm>
#include <utility>

#include "base/settings_table.h"
#include "collegium/error.h"
#include "collegium/settings.h"

namespace collegium {
namespace {

// Text that came from the system or from a peer may hold anything; TOML is UTF-8. Each offending
// byte becomes U+FFFD.
std::string as_utf8(std::string text) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  const std::size_t size = text.size();
  const auto length_at =
      [&](std::size_t i) -> std::size_t {  // 0: not the start of a valid sequence (RFC 3629)
    const unsigned char first = bytes[i];
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                               : (first & 0xf0) == 0xe0         ? 3
                               : first >= 0xf0 && first <= 0xf4 ? 4
                                                                : 0;
    if (length == 0 || i + length > size) return 0;
    for (std::size_t k = 1; k < length; ++k) {
      if ((bytes[i + k] & 0xc0) != 0x80) return 0;
    }
    const unsigned char second = bytes[i + 1];
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) return 0;
    if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return 0;
    return length;
  };
  std::size_t good = 0;
  while (good < size) {
    const std::size_t length = length_at(good);
    if (length == 0) break;
    good += length;
  }
  if (good == size) return text;
  std::string mended(text, 0, good);
  for (std::size_t i = good; i < size;) {
    const std::size_t length = length_at(i);
    if (length == 0) {
      mended += "\xef\xbf\xbd";
      ++i;
    } else {
      mended.append(text, i, length);
      i += length;
    }
  }
  return mended;
}

template <class T>
SettingsValue array_of(const std::vector<T>& values) {
  SettingsArray array;
  array.reserve(values.size());
  for (const T& value : values) {
    if constexpr (std::is_same_v<T, std::string>) {
      array.push_back({.data = as_utf8(value)});
    } else {
      array.push_back({.data = value});
    }
  }
  return {.data = std::move(array)};
}

void put(SettingsTable& table, std::string_view key, SettingsValue value) {
  table.entries.insert_or_assign(as_utf8(std::string(key)), std::move(value));
}

int nesting_of(const SettingsValue& value) {
  if (const auto* table = std::get_if<std::shared_ptr<SettingsTable>>(&value.data))
    return collegium::nesting_of(**table);
  int deepest = 0;
  if (const auto* array = std::get_if<SettingsArray>(&value.data)) {
    for (const SettingsValue& element : *array) deepest = std::max(deepest, nesting_of(element));
    ++deepest;
  }
  return deepest;
}

}  // namespace

int nesting_of(const SettingsTable& table) {
  int deepest = 0;
  for (const auto& [name, value] : table.entries) deepest = std::max(deepest, nesting_of(value));
  return deepest + 1;
}

const SettingsValue* SettingsTable::find(std::string_view key) const {
  {
    const std::lock_guard lock(mutex);
    if (asked.find(key) == asked.end()) asked.emplace(key);
  }
  const auto found = entries.find(key);
  return found == entries.end() ? nullptr : &found->second;
}

std::string SettingsTable::where(Position position, std::string_view key) const {
  if (source && position.line > 0) {
    return *source + ":" + std::to_string(position.line) + ":" + std::to_string(position.column);
  }
  return key.empty() ? path : name_of(key);
}

std::shared_ptr<SettingsTable> SettingsTable::copy(const std::string& new_path) const {
  auto result = std::make_shared<SettingsTable>();
  result->source = source;
  result->path = new_path;
  result->at = at;
  result->entries = entries;
  if (new_path != path) {
    for (auto& [name, value] : result->entries) {
      if (auto* inner = std::get_if<std::shared_ptr<SettingsTable>>(&value.data))
        *inner = (*inner)->copy(result->name_of(name));
    }
  }
  const std::lock_guard lock(mutex);
  result->asked = asked;
  result->handed_out = handed_out;
  return result;
}

SettingsTable& Settings::own() {
  if (table_.use_count() > 1) table_ = table_->copy(table_->path);
  return *table_;
}

void Settings::set(std::string_view key, bool value) { put(own(), key, {.data = value}); }
void Settings::set(std::string_view key, std::int64_t value) { put(own(), key, {.data = value}); }
void Settings::set(std::string_view key, double value) { put(own(), key, {.data = value}); }
void Settings::set(std::string_view key, std::string value) {
  put(own(), key, {.data = as_utf8(std::move(value))});
}
void Settings::set(std::string_view key, const std::vector<double>& value) {
  put(own(), key, array_of(value));
}
void Settings::set(std::string_view key, const std::vector<std::int64_t>& value) {
  put(own(), key, array_of(value));
}
void Settings::set(std::string_view key, const std::vector<std::string>& value) {
  put(own(), key, array_of(value));
}

void Settings::set(std::string_view key, const Settings& table) {
  if (nesting_of(*table.table_) >= kMaxNesting) {
    throw ConfigError({.what = "'" + table_->name_of(key) + "' is nested too deeply",
                       .expected = "at most " + std::to_string(kMaxNesting) +
                                   " tables or arrays inside one another"});
  }
  const std::shared_ptr<SettingsTable> inner = table.table_;  // `table` may be this very object
  SettingsTable& mine = own();
  put(mine, key, {.data = inner->copy(mine.name_of(key))});
}

std::string Settings::to_toml() const { return write_settings(*table_); }

}  // namespace collegium
