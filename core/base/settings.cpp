#include "collegium/settings.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "base/file.h"
#include "base/names.h"
#include "base/settings_table.h"
#include "collegium/error.h"

namespace collegium {
namespace {

constexpr std::size_t kMaxFile = std::size_t{16} << 20;
constexpr std::size_t kMaxFound = 60;

template <class T>
constexpr const char* kTypeName = "";
template <>
constexpr const char* kTypeName<bool> = "true or false";
template <>
constexpr const char* kTypeName<std::int64_t> = "an integer";
template <>
constexpr const char* kTypeName<double> = "a number";
template <>
constexpr const char* kTypeName<std::string> = "a text in quotes";

std::string shown(const SettingsValue& value) {
  if (std::holds_alternative<std::shared_ptr<SettingsTable>>(value.data)) return "a table";
  std::string text = write_value(value);
  if (text.size() > kMaxFound) text = text.substr(0, kMaxFound) + "...";
  return text;
}

[[noreturn]] void refuse(const SettingsTable& table, std::string_view key,
                         const SettingsValue& value, std::string expected) {
  throw ConfigError({.what = "'" + table.name_of(key) + "' cannot be used",
                     .where = table.where(value.at, key),
                     .expected = std::move(expected),
                     .found = shown(value)});
}

[[noreturn]] void refuse_missing(const SettingsTable& table, std::string_view key,
                                 std::string expected) {
  std::vector<std::string> present;
  {
    const std::lock_guard lock(table.mutex);
    for (const auto& [name, value] : table.entries) {
      if (!table.asked.contains(name)) present.push_back(name);
    }
  }
  const std::string near = nearest_name(key, present);
  throw ConfigError(
      {.what = "'" + table.name_of(key) + "' is missing",
       .where = table.where(table.at, {}),
       .expected = std::move(expected),
       .found = "",
       .remedy = near.empty() ? "add '" + std::string(key) + " = ...'"
                              : "is '" + near + "' a misspelling of '" + std::string(key) + "'?"});
}

template <class T>
T read(const SettingsTable& table, std::string_view key, const SettingsValue& value) {
  if (const T* exact = std::get_if<T>(&value.data)) {
    if constexpr (std::is_same_v<T, double>) {
      if (!std::isfinite(*exact)) refuse(table, key, value, "a finite number");
    }
    return *exact;
  }
  if constexpr (std::is_same_v<T, double>) {
    if (const auto* whole = std::get_if<std::int64_t>(&value.data))
      return static_cast<double>(*whole);
  }
  refuse(table, key, value, kTypeName<T>);
}

template <class T>
T required(const SettingsTable& table, std::string_view key) {
  const SettingsValue* value = table.find(key);
  if (!value) refuse_missing(table, key, kTypeName<T>);
  return read<T>(table, key, *value);
}

template <class T>
T optional(const SettingsTable& table, std::string_view key, T fallback) {
  const SettingsValue* value = table.find(key);
  return value ? read<T>(table, key, *value) : fallback;
}

template <class T>
std::vector<T> list(const SettingsTable& table, std::string_view key) {
  const SettingsValue* value = table.find(key);
  if (!value) return {};
  const auto* array = std::get_if<SettingsArray>(&value->data);
  if (!array) refuse(table, key, *value, std::string("an array, each element ") + kTypeName<T>);
  std::vector<T> result;
  result.reserve(array->size());
  for (const SettingsValue& element : *array) result.push_back(read<T>(table, key, element));
  return result;
}

std::string interval(const std::string& low, const std::string& high) {
  return "between " + low + " and " + high;
}
std::string number_text(double value) { return write_value({.data = value}); }

void mark_all(const SettingsTable& table) {
  const std::lock_guard lock(table.mutex);
  for (const auto& [name, value] : table.entries) {
    table.asked.insert(name);
    if (const auto* inner = std::get_if<std::shared_ptr<SettingsTable>>(&value.data))
      mark_all(**inner);
    if (const auto* array = std::get_if<SettingsArray>(&value.data)) {
      for (const SettingsValue& element : *array) {
        if (const auto* row = std::get_if<std::shared_ptr<SettingsTable>>(&element.data))
          mark_all(**row);
      }
    }
  }
}

void refuse_unknown_in(const SettingsTable& table) {
  std::vector<std::string> known;
  std::vector<const SettingsTable*> inner;
  const std::pair<const std::string, SettingsValue>* first =
      nullptr;  // the unknown key that stands first in the text
  {
    const std::lock_guard lock(table.mutex);
    known.assign(table.asked.begin(), table.asked.end());
    for (const auto& entry : table.entries) {
      const Position at = entry.second.at;
      if (!table.asked.contains(entry.first)) {
        if (!first || std::pair(at.line, at.column) <
                          std::pair(first->second.at.line, first->second.at.column)) {
          first = &entry;
        }
      } else if (table.handed_out.contains(entry.first)) {
        if (const auto* one = std::get_if<std::shared_ptr<SettingsTable>>(&entry.second.data))
          inner.push_back(one->get());
        if (const auto* array = std::get_if<SettingsArray>(&entry.second.data)) {
          for (const SettingsValue& row : *array)
            inner.push_back(std::get<std::shared_ptr<SettingsTable>>(row.data).get());
        }
      }
    }
  }
  if (first) {
    throw ConfigError({.what = "unknown key '" + table.name_of(first->first) + "'",
                       .where = table.where(first->second.at, first->first),
                       .expected = known.empty() ? "no keys" : "one of " + join(known),
                       .found = first->first,
                       .remedy = did_you_mean(first->first, known, "remove it")});
  }
  for (const SettingsTable* each : inner) refuse_unknown_in(*each);
}

}  // namespace

Settings::Settings() : table_(std::make_shared<SettingsTable>()) {}
Settings::~Settings() = default;
Settings::Settings(const Settings&) = default;
Settings& Settings::operator=(const Settings&) = default;
Settings::Settings(std::shared_ptr<SettingsTable> table) : table_(std::move(table)) {}

Settings Settings::parse(std::string_view toml, std::string source) {
  return Settings(parse_settings(toml, std::move(source)));
}

Settings Settings::load(const std::string& path) { return parse(read_text(path, kMaxFile), path); }

bool Settings::contains(std::string_view key) const { return table_->find(key) != nullptr; }

std::vector<std::string> Settings::keys() const {
  std::vector<std::string> names;
  for (const auto& [name, value] : table_->entries) names.push_back(name);
  return names;
}

bool Settings::boolean(std::string_view key) const { return required<bool>(*table_, key); }
bool Settings::boolean(std::string_view key, bool fallback) const {
  return optional(*table_, key, fallback);
}
std::int64_t Settings::integer(std::string_view key) const {
  return required<std::int64_t>(*table_, key);
}
std::int64_t Settings::integer(std::string_view key, std::int64_t fallback) const {
  return optional(*table_, key, fallback);
}
double Settings::number(std::string_view key) const { return required<double>(*table_, key); }
double Settings::number(std::string_view key, double fallback) const {
  return optional(*table_, key, fallback);
}
std::string Settings::text(std::string_view key) const {
  return required<std::string>(*table_, key);
}
std::string Settings::text(std::string_view key, std::string fallback) const {
  return optional(*table_, key, std::move(fallback));
}
std::vector<double> Settings::numbers(std::string_view key) const {
  return list<double>(*table_, key);
}
std::vector<std::int64_t> Settings::integers(std::string_view key) const {
  return list<std::int64_t>(*table_, key);
}
std::vector<std::string> Settings::texts(std::string_view key) const {
  return list<std::string>(*table_, key);
}

Settings Settings::table(std::string_view key) const {
  const SettingsValue* value = table_->find(key);
  if (!value) {
    auto none = std::make_shared<SettingsTable>();
    none->source = table_->source;
    none->at = table_->at;
    none->path = table_->name_of(key);
    return Settings(std::move(none));
  }
  const auto* inner = std::get_if<std::shared_ptr<SettingsTable>>(&value->data);
  if (!inner) refuse(*table_, key, *value, "a table");
  const std::lock_guard lock(table_->mutex);
  table_->handed_out.emplace(key);
  return Settings(*inner);
}

std::vector<Settings> Settings::tables(std::string_view key) const {
  const SettingsValue* value = table_->find(key);
  if (!value) return {};
  const auto* array = std::get_if<SettingsArray>(&value->data);
  if (!array) refuse(*table_, key, *value, "an array of tables");
  std::vector<Settings> result;
  for (const SettingsValue& element : *array) {
    const auto* row = std::get_if<std::shared_ptr<SettingsTable>>(&element.data);
    if (!row) refuse(*table_, key, element, "an array of tables");
    result.push_back(Settings(*row));
  }
  const std::lock_guard lock(table_->mutex);
  table_->handed_out.emplace(key);
  return result;
}

std::int64_t Settings::integer_in(std::string_view key, std::int64_t fallback, std::int64_t low,
                                  std::int64_t high) const {
  const std::int64_t value = integer(key, fallback);
  if (const SettingsValue* given = table_->find(key); given && (value < low || value > high)) {
    refuse(*table_, key, *given,
           "an integer " + interval(std::to_string(low), std::to_string(high)));
  }
  return value;
}

double Settings::number_in(std::string_view key, double fallback, double low, double high) const {
  const SettingsValue* given = table_->find(key);
  if (!given) return fallback;
  const double* floating = std::get_if<double>(&given->data);
  const double value = floating ? *floating : read<double>(*table_, key, *given);
  if (!(value >= low && value <= high)) {  // also true of nan
    refuse(*table_, key, *given, "a number " + interval(number_text(low), number_text(high)));
  }
  return value;
}

std::string Settings::one_of(std::string_view key, std::string fallback,
                             const std::vector<std::string>& allowed) const {
  const SettingsValue* given = table_->find(key);
  if (!given) return fallback;
  const std::string value = read<std::string>(*table_, key, *given);
  if (std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
    throw ConfigError({.what = "'" + table_->name_of(key) + "' cannot be used",
                       .where = table_->where(given->at, key),
                       .expected = "one of " + join(allowed),
                       .found = shown(*given),
                       .remedy = did_you_mean(value, allowed, "")});
  }
  return value;
}

void Settings::refuse_unknown() const { refuse_unknown_in(*table_); }
void Settings::accept_all() const { mark_all(*table_); }

std::string Settings::where(std::string_view key) const {
  const auto found = table_->entries.find(key);
  return found == table_->entries.end() ? table_->where(table_->at, key)
                                        : table_->where(found->second.at, key);
}

}  // namespace collegium
