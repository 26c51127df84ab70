#include <array>
#include <charconv>
#include <cmath>

#include "base/settings_table.h"

namespace collegium {
namespace {

using TablePointer = std::shared_ptr<SettingsTable>;

std::string quoted(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string result = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        result += "\\\"";
        break;
      case '\\':
        result += "\\\\";
        break;
      case '\b':
        result += "\\b";
        break;
      case '\t':
        result += "\\t";
        break;
      case '\n':
        result += "\\n";
        break;
      case '\f':
        result += "\\f";
        break;
      case '\r':
        result += "\\r";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          result += "\\u00";
          result += kHex[static_cast<unsigned char>(c) >> 4];
          result += kHex[static_cast<unsigned char>(c) & 15];
        } else {
          result += c;
        }
    }
  }
  return result + '"';
}

std::string key_text(std::string_view key) {
  constexpr std::string_view kBare =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  return !key.empty() && key.find_first_not_of(kBare) == key.npos ? std::string(key) : quoted(key);
}

// The shortest digits that read back as the same double, and always a float to TOML.
std::string number_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  std::string text(buffer.data(), end);
  if (text.find_first_of(".e") == text.npos) text += ".0";
  return text;
}

struct Writer {
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return number_text(value); }
  std::string operator()(const std::string& value) const { return quoted(value); }
  std::string operator()(const SettingsMoment& value) const { return value.text; }
  std::string operator()(const SettingsArray& values) const {
    std::string text = "[";
    for (const SettingsValue& value : values)
      text += (text.size() > 1 ? ", " : "") + write_value(value);
    return text + "]";
  }
  std::string operator()(const TablePointer& table) const {
    std::string text = "{";
    for (const auto& [name, value] : table->entries) {
      text += (text.size() > 1 ? ", " : "") + key_text(name) + " = " + write_value(value);
    }
    return text + "}";
  }
};

bool is_rows(const SettingsValue& value) {  // printed as [[name]]
  const auto* array = std::get_if<SettingsArray>(&value.data);
  if (!array || array->empty()) return false;
  for (const SettingsValue& element : *array) {
    if (!std::holds_alternative<TablePointer>(element.data)) return false;
  }
  return true;
}

void write_table(const SettingsTable& table, const std::string& path, std::string& out) {
  const auto named = [&](const std::string& name) {
    return path.empty() ? key_text(name) : path + "." + key_text(name);
  };
  for (const auto& [name, value] :
       table.entries) {  // plain values first: after a header they would belong to it
    if (!std::holds_alternative<TablePointer>(value.data) && !is_rows(value)) {
      out += key_text(name) + " = " + write_value(value) + "\n";
    }
  }
  for (const auto& [name, value] : table.entries) {
    if (const auto* inner = std::get_if<TablePointer>(&value.data)) {
      out += "\n[" + named(name) + "]\n";
      write_table(**inner, named(name), out);
    } else if (is_rows(value)) {
      for (const SettingsValue& row : std::get<SettingsArray>(value.data)) {
        out += "\n[[" + named(name) + "]]\n";
        write_table(*std::get<TablePointer>(row.data), named(name), out);
      }
    }
  }
}

}  // namespace

std::string write_value(const SettingsValue& value) { return std::visit(Writer{}, value.data); }

std::string write_settings(const SettingsTable& table) {
  std::string out;
  write_table(table, {}, out);
  return out.starts_with('\n') ? out.substr(1) : out;
}

}  // namespace collegium
