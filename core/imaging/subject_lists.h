#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "imaging/labels.h"
#include "imaging/subjects.h"

namespace collegium {

// Which subjects a folder or a list names; opens no volume.

// Folders named as their subject, directly or one level down (a site; HGG and LGG, as BraTS 2018
// has them, are grades).
// `only`, if not empty, are the ids to look at; other folders may be broken.
std::vector<SubjectFiles> find_brats_subjects(const std::filesystem::path& folder,
                                              const std::vector<std::string>& only = {});

// An MSD list: its subjects in the order t1ce, t1, t2, flair, and the label numbers it states.
struct MsdList {
  std::vector<SubjectFiles> subjects;
  std::vector<std::pair<std::int32_t, std::string>> labels;
  std::filesystem::path file;
};
MsdList read_msd_list(
    const std::filesystem::path& path);  // the file, or the folder of a dataset.json

// Sites and grades from a CSV table with a row for every subject; columns `subject`, `site`,
// `grade`.
void apply_subject_table(const std::filesystem::path& file, std::vector<SubjectFiles>& subjects);

}  // namespace collegium
