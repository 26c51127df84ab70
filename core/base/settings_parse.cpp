// The one place that includes toml++; its exceptions end here.
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 1
#define TOML_ENABLE_FORMATTERS 1
#define TOML_ENABLE_UNRELEASED_FEATURES 0
// Hostile text reaches some of its assertions, and the code behind them copes: an assertion would
// end the process, and an assumption would let the compiler remove what copes.
#define TOML_ASSERT(condition) static_assert(true)
#include <toml++/impl/preprocessor.h>
#undef TOML_ASSUME
#define TOML_ASSUME(...) static_assert(true)
#include <toml++/toml.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "base/settings_table.h"
#include "collegium/error.h"

namespace collegium {
namespace {

using SourceName = std::shared_ptr<const std::string>;

std::string place(const std::string& source, std::size_t line, std::size_t column) {
  return source + ":" + std::to_string(line) + ":" + std::to_string(column);
}

[[noreturn]] void refuse_depth(const std::string& source, std::size_t line, std::size_t column) {
  throw ConfigError({.what = "nested too deeply",
                     .where = place(source, line, column),
                     .expected = "at most " + std::to_string(kMaxNesting) +
                                 " tables or arrays inside one another"});
}

// toml++ recurses into values, and its tables are destroyed by recursion, so a few thousand
// brackets or dots from a peer would overflow the stack. This walk finds brackets and dotted keys
// outside strings and comments and bounds each; what it lets through is at most a few hundred deep,
// and the exact bound is checked on the parsed tree. Where it disagrees with the real parser, the
// text is not TOML and the parser stops there.
class NestingScan {
 public:
  NestingScan(std::string_view text, const std::string& source) : text_(text), source_(source) {}

  void run() {
    int brackets = 0;
    int dots = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      switch (c) {
        case '#':
          skip_until_newline();
          continue;
        case '"':
        case '\'':
          skip_string(c);
          continue;
        case '[':
        case '{':
          dots = 0;
          if (++brackets > kMaxNesting) refuse();
          break;
        case ']':
        case '}':
          brackets = std::max(0, brackets - 1);
          break;
        case '.':
          if (++dots > kMaxNesting) refuse();
          break;
        case '\n':
        case '=':
        case ',':
          dots = 0;
          break;
        default:
          break;
      }
      ++at_;
    }
  }

 private:
  [[noreturn]] void refuse() const {
    const std::string_view before = text_.substr(0, at_);
    const std::size_t line =
        1 + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
    const std::size_t start = before.rfind('\n');
    refuse_depth(source_, line, start == before.npos ? at_ + 1 : at_ - start);
  }

  void skip_until_newline() {
    const std::size_t end = text_.find('\n', at_);
    at_ = end == text_.npos ? text_.size() : end;
  }

  void skip_string(char quote) {
    const std::string triple(3, quote);
    const bool escapes = quote == '"';
    const bool multi_line = text_.substr(at_, 3) == triple;
    for (at_ += multi_line ? 3 : 1; at_ < text_.size(); ++at_) {
      if (escapes && text_[at_] == '\\') {
        ++at_;
      } else if (multi_line) {
        if (text_.substr(at_, 3) == triple) {
          at_ += 3;
          for (int extra = 0; extra < 2 && at_ < text_.size() && text_[at_] == quote; ++extra)
            ++at_;  // """a"""""
          return;
        }
      } else if (text_[at_] == quote) {
        ++at_;
        return;
      } else if (text_[at_] == '\n') {
        return;
      }
    }
    at_ = std::min(at_, text_.size());
  }

  std::string_view text_;
  const std::string& source_;
  std::size_t at_ = 0;
};

Position position_of(const toml::source_region& region) {
  return {region.begin.line, region.begin.column};
}

std::shared_ptr<SettingsTable> table_from(const toml::table& from, const SourceName& source,
                                          std::string path, int depth);

SettingsValue value_from(const toml::node& node, const SourceName& source, const std::string& path,
                         int depth) {
  const Position at = position_of(node.source());
  if (const toml::table* table = node.as_table())
    return {.data = table_from(*table, source, path, depth + 1), .at = at};
  if (const toml::array* array = node.as_array()) {
    if (depth + 1 > kMaxNesting) refuse_depth(*source, at.line, at.column);
    SettingsArray values;
    values.reserve(array->size());
    for (const toml::node& element : *array)
      values.push_back(value_from(element, source, path, depth + 1));
    return {.data = std::move(values), .at = at};
  }
  if (const auto* value = node.as_boolean()) return {.data = value->get(), .at = at};
  if (const auto* value = node.as_integer()) return {.data = value->get(), .at = at};
  if (const auto* value = node.as_floating_point()) return {.data = value->get(), .at = at};
  if (const auto* value = node.as_string()) return {.data = value->get(), .at = at};
  std::ostringstream text;
  node.visit([&text](const auto& moment) {
    if constexpr (toml::is_chronological<decltype(moment)>) text << moment.get();
  });
  return {.data = SettingsMoment{text.str()}, .at = at};
}

std::shared_ptr<SettingsTable> table_from(const toml::table& from, const SourceName& source,
                                          std::string path, int depth) {
  auto table = std::make_shared<SettingsTable>();
  table->source = source;
  table->path = std::move(path);
  table->at = position_of(from.source());
  if (depth > kMaxNesting) refuse_depth(*source, table->at.line, table->at.column);
  for (const auto& [key, node] : from) {
    SettingsValue value = value_from(node, source, table->name_of(key.str()), depth);
    value.at = position_of(key.source());  // a mistake is shown at its key
    table->entries.emplace_hint(table->entries.end(), key.str(), std::move(value));
  }
  return table;
}

}  // namespace

std::shared_ptr<SettingsTable> parse_settings(std::string_view toml, std::string source) {
  NestingScan(toml, source).run();
  try {
    const toml::table parsed = toml::parse(toml, source);
    return table_from(parsed, std::make_shared<const std::string>(source), {}, 0);
  } catch (const toml::parse_error& error) {
    throw ConfigError(
        {.what = std::string(error.description()),
         .where = place(source, error.source().begin.line, error.source().begin.column)});
  }
}

}  // namespace collegium
