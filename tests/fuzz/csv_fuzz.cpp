#include "collegium/error.h"
#include "fuzz/target.h"
#include "imaging/csv.h"

namespace collegium::testing {

std::vector<FuzzInput> corpus() {
  return {
      input_of("subject,site,grade\nbrats-1,guys,HGG\nbrats-2,kings,LGG\n"),
      input_of("a,\"b \"\"c\"\"\"\r\n1,\"2\n3\"\r\n"),
      input_of("\xef\xbb\xbfsubject\nx"),
      input_of("a,b\n,\n\"\",\"\"\n"),
  };
}

FuzzInput disguised(FuzzInput input) { return input; }

}  // namespace collegium::testing

// Any text is either a table whose rows have a field for every column, or a DataError.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const collegium::CsvTable table =
        collegium::parse_csv(std::string_view(reinterpret_cast<const char*>(data), size), "fuzz");
    for (const auto& row : table.rows)
      if (row.size() != table.columns.size()) __builtin_trap();
    for (const std::string& name : table.columns)
      if (!table.column(name)) __builtin_trap();
  } catch (const collegium::DataError&) {
  }
  return 0;
}
