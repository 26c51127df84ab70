#pragma once
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace collegium {

// A comma-separated file with a header line, by RFC 4180: fields may be in double quotes, "" within
// them is a quote. Every row has as many fields as the header, no column comes twice; else
// DataError with file:line.
struct CsvTable {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;

  std::optional<std::size_t> column(std::string_view name) const;
};

CsvTable read_csv(const std::filesystem::path& path);
CsvTable parse_csv(std::string_view text, std::string_view name);

}  // namespace collegium
