#include <gtest/gtest.h>

#include "collegium/error.h"
#include "imaging/csv.h"

namespace collegium {
namespace {

using Row = std::vector<std::string>;

TEST(Csv, ReadsQuotedFieldsAndBothLineEnds) {
  const CsvTable table = parse_csv(
      "\xef\xbb\xbf"
      "a,b\r\n1,\"x, \"\"y\"\"\nz\"\n\n,2",
      "t.csv");
  EXPECT_EQ(table.columns, (Row{"a", "b"}));
  EXPECT_EQ(table.rows, (std::vector<Row>{{"1", "x, \"y\"\nz"}, {"", "2"}}));
  EXPECT_EQ(table.column("b"), 1u);
  EXPECT_FALSE(table.column("c"));
}

TEST(Csv, RefusesWithTheLine) {
  const auto where = [](const char* text) -> std::string {
    try {
      parse_csv(text, "t.csv");
    } catch (const DataError& error) {
      return error.problem().where;
    }
    return "accepted";
  };
  EXPECT_EQ(where(""), "t.csv:1");
  EXPECT_EQ(where("a,b\n1,2\n1\n"), "t.csv:3");
  EXPECT_EQ(where("a,b\n1,2,3\n"), "t.csv:2");
  EXPECT_EQ(where("a,a\n"), "t.csv:1");
  EXPECT_EQ(where("a,b\n\"1\n2\",3\n\n4\n"), "t.csv:5");
  EXPECT_EQ(where("a\n\"open"), "t.csv:2");
  EXPECT_EQ(where("a\n\"x\"y\n"), "t.csv:2");
  EXPECT_EQ(where("a\nx\"y\"\n"), "t.csv:2");
}

}  // namespace
}  // namespace collegium
