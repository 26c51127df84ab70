#include "config/check.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "collegium/error.h"

namespace collegium {
namespace {

bool is_lower_or_digit(unsigned char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

}  // namespace

void refuse_value(const Settings& table, std::string_view key, std::string what,
                  std::string expected, std::string found, std::string remedy) {
  throw ConfigError({.what = "'" + std::string(key) + "' " + std::move(what),
                     .where = table.where(key),
                     .expected = std::move(expected),
                     .found = std::move(found),
                     .remedy = std::move(remedy)});
}

double number_above(const Settings& table, std::string_view key, double fallback, double low) {
  const double value = table.number(key, fallback);
  if (value > low) return value;
  refuse_value(table, key, "cannot be used", "a number above " + text_of(low), text_of(value));
}

double number_between(const Settings& table, std::string_view key, double fallback, double low,
                      double high) {
  const double value = table.number(key, fallback);
  if (value > low && value < high) return value;
  refuse_value(table, key, "cannot be used",
               "a number above " + text_of(low) + " and below " + text_of(high), text_of(value));
}

void check_name(const Settings& table, std::string_view key, const std::string& name) {
  const bool fits = !name.empty() && name.size() <= 64 &&
                    std::all_of(name.begin(), name.end(), [](unsigned char c) {
                      return is_lower_or_digit(c) || c == '_' || c == '-';
                    });
  if (!fits)
    refuse_value(table, key, "holds a name that cannot be used", "1 to 64 of a-z, 0-9, _ and -",
                 "'" + name + "'");
}

void check_word(const Settings& table, std::string_view key, const std::string& word) {
  const bool fits = !word.empty() && word.size() <= 64 &&
                    std::all_of(word.begin(), word.end(),
                                [](unsigned char c) { return is_lower_or_digit(c) || c == '_'; });
  if (!fits)
    refuse_value(table, key, "holds a name that cannot be used", "1 to 64 of a-z, 0-9 and _",
                 "'" + word + "'");
}

void check_address(const Settings& table, std::string_view key, const std::string& address) {
  constexpr std::string_view kScheme = "tcp://";
  const std::size_t colon = address.rfind(':');
  int port = 0;
  bool fits = address.starts_with(kScheme) && colon != std::string::npos && colon > kScheme.size();
  if (fits) {
    const char* end = address.data() + address.size();
    const auto [stopped, error] = std::from_chars(address.data() + colon + 1, end, port);
    fits = error == std::errc() && stopped == end && port >= 1 && port <= 65535;
  }
  if (!fits) {
    refuse_value(table, key, "is no address", "tcp://HOST:PORT, the port between 1 and 65535",
                 "'" + address + "'");
  }
}

std::vector<std::int64_t> read_volume(const Settings& table, std::string_view key) {
  std::vector<std::int64_t> edges = table.integers(key);
  const bool fits =
      edges.empty() || (edges.size() == 3 && *std::min_element(edges.begin(), edges.end()) >= 1 &&
                        *std::max_element(edges.begin(), edges.end()) <= 4096);
  if (!fits) {
    refuse_value(table, key, "is no volume", "three edge lengths between 1 and 4096 voxels, or []",
                 text_of(edges));
  }
  return edges;
}

std::filesystem::path resolve(const std::filesystem::path& folder, const std::string& path) {
  return path.empty() ? std::filesystem::path() : (folder / path).lexically_normal();
}

std::string text_of(const std::vector<std::int64_t>& values) {
  std::string text = "[";
  for (const std::int64_t value : values) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(value);
  }
  return text + "]";
}

std::string text_of(double value) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

}  // namespace collegium
