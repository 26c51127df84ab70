#include "imaging/csv.h"

#include <algorithm>

#include "base/file.h"
#include "collegium/error.h"

namespace collegium {
namespace {

class Parser {
 public:
  Parser(std::string_view text, std::string_view name) : rest_(text), name_(name) {
    if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);  // some spreadsheets' mark
  }

  bool at_end() const { return rest_.empty(); }

  std::vector<std::string> row() {
    std::vector<std::string> fields;
    line_ = next_line_;
    do {
      fields.push_back(field());
    } while (accept(','));
    if (!at_end() && !accept_line_end()) refuse("text after a quoted field");
    ++next_line_;
    return fields;
  }

  [[noreturn]] void refuse(std::string found) const {
    throw DataError({.what = "the table cannot be read",
                     .where = std::string(name_) + ":" + std::to_string(line_),
                     .expected = "comma-separated fields, as many as in the header",
                     .found = std::move(found)});
  }

 private:
  bool accept(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool accept_line_end() {
    if (rest_.starts_with("\r\n")) {
      rest_.remove_prefix(2);
      return true;
    }
    return accept('\n');
  }

  std::string field() {
    if (accept('"')) return quoted();
    const std::size_t end = std::min(rest_.find_first_of(",\r\n\""), rest_.size());
    if (end < rest_.size() && rest_[end] == '"') refuse("a quote inside a plain field");
    std::string text(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return text;
  }

  std::string quoted() {
    std::string text;
    for (;;) {
      if (rest_.empty()) refuse("a quote that is never closed");
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"' && !accept('"')) return text;
      if (c == '\n') ++next_line_;
      text += c;
    }
  }

  std::string_view rest_, name_;
  std::size_t line_ = 1, next_line_ = 1;  // of the row being read, after it
};

}  // namespace

std::optional<std::size_t> CsvTable::column(std::string_view name) const {
  const auto found = std::find(columns.begin(), columns.end(), name);
  if (found == columns.end()) return std::nullopt;
  return static_cast<std::size_t>(found - columns.begin());
}

CsvTable parse_csv(std::string_view text, std::string_view name) {
  Parser parser(text, name);
  if (parser.at_end()) parser.refuse("an empty file");
  CsvTable table;
  table.columns = parser.row();
  for (const std::string& column : table.columns) {
    if (std::count(table.columns.begin(), table.columns.end(), column) > 1) {
      parser.refuse("the column '" + column + "' twice");
    }
  }
  while (!parser.at_end()) {
    std::vector<std::string> row = parser.row();
    if (row.size() == 1 && row[0].empty()) continue;  // an empty line
    if (row.size() != table.columns.size()) {
      parser.refuse(std::to_string(row.size()) + " fields instead of " +
                    std::to_string(table.columns.size()) + "");
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

CsvTable read_csv(const std::filesystem::path& path) {
  return parse_csv(read_text(path.string()), path.string());
}

}  // namespace collegium
