#include <map>

#include "collegium/error.h"
#include "imaging/csv.h"
#include "imaging/subject_lists.h"

namespace collegium {

void apply_subject_table(const std::filesystem::path& file, std::vector<SubjectFiles>& subjects) {
  const CsvTable table = read_csv(file);
  const auto id = table.column("subject"), site = table.column("site"),
             grade = table.column("grade");
  if (!id) {
    throw DataError({.what = "the table has no column `subject`",
                     .where = file.string(),
                     .expected = "the columns subject and, if known, site and grade",
                     .found = std::to_string(table.columns.size()) + " others"});
  }
  std::map<std::string, const std::vector<std::string>*> rows;
  for (const auto& row : table.rows) {
    if (!rows.emplace(row[*id], &row).second) {
      throw DataError({.what = "a subject comes twice in the table",
                       .where = "subject " + row[*id] + ", " + file.string(),
                       .expected = "one row a subject",
                       .found = "two"});
    }
  }
  for (SubjectFiles& subject : subjects) {
    const auto row = rows.find(subject.id);
    if (row == rows.end()) {
      throw DataError({.what = "a subject is not in the table",
                       .where = "subject " + subject.id + ", " + file.string(),
                       .expected = "a row for every subject",
                       .found = "none"});
    }
    if (site) subject.site = (*row->second)[*site];
    if (grade) subject.grade = (*row->second)[*grade];
  }
}

}  // namespace collegium
