#include <algorithm>
#include <array>

#include "collegium/error.h"
#include "imaging/subject_lists.h"

namespace collegium {
namespace {

namespace fs = std::filesystem;

// 2018's and 2023's endings, in our channel order.
struct Endings {
  const char* older;
  const char* newer;
};
constexpr std::array<Endings, kSequences> kSequenceEndings{
    {{"_t1ce", "-t1c"}, {"_t1", "-t1n"}, {"_t2", "-t2w"}, {"_flair", "-t2f"}}};
constexpr Endings kLabelEndings{"_seg", "-seg"};

std::vector<fs::path> folders_in(const fs::path& folder) {
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  if (error) {
    throw DataError({.what = "the folder cannot be read",
                     .where = folder.string(),
                     .expected = "a folder of subjects",
                     .found = error.message(),
                     .remedy = "check `path` under [data]"});
  }
  std::vector<fs::path> folders;
  for (const auto& entry : entries) {
    if (entry.is_directory()) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

// The file of one sequence, empty if there is none.
fs::path find_volume(const fs::path& folder, const std::string& id, const Endings& endings) {
  fs::path found;
  for (const char* ending : {endings.older, endings.newer}) {
    for (const char* extension : {".nii.gz", ".nii"}) {
      const fs::path file = folder / (id + ending + extension);
      if (!fs::is_regular_file(file)) continue;
      if (!found.empty()) {
        throw DataError({.what = "two files for one sequence",
                         .where = "subject " + id + ", " + file.string(),
                         .expected = "one",
                         .found = "also " + found.filename().string(),
                         .remedy = "remove one of them"});
      }
      found = file;
    }
  }
  return found;
}

// No images: this is not a subject's folder, or not one of those asked for.
SubjectFiles read_subject_folder(const fs::path& folder, const std::vector<std::string>& only) {
  SubjectFiles subject;
  subject.id = folder.filename().string();
  if (!only.empty() && std::find(only.begin(), only.end(), subject.id) == only.end())
    return subject;
  std::string missing;
  for (std::size_t i = 0; i < kSequenceEndings.size(); ++i) {
    fs::path file = find_volume(folder, subject.id, kSequenceEndings[i]);
    if (file.empty()) missing += (missing.empty() ? "" : ", ") + std::string(kSequenceNames[i]);
    if (!file.empty()) subject.images.push_back(std::move(file));
  }
  if (subject.images.empty()) return subject;
  if (!missing.empty()) {
    throw DataError({.what = "a sequence is missing",
                     .where = "subject " + subject.id + ", " + folder.string(),
                     .expected = subject.id + "_{t1ce,t1,t2,flair}.nii.gz or the 2023 names",
                     .found = "no " + missing,
                     .remedy = "add it, or list the subjects to use under [data] subjects"});
  }
  fs::path labels = find_volume(folder, subject.id, kLabelEndings);
  if (!labels.empty()) subject.labels = std::move(labels);
  return subject;
}

}  // namespace

std::vector<SubjectFiles> find_brats_subjects(const fs::path& folder,
                                              const std::vector<std::string>& only) {
  std::vector<SubjectFiles> subjects;
  // True if `inner` is a subject's folder.
  const auto take = [&](const fs::path& inner, const std::string& site, const std::string& grade) {
    SubjectFiles subject = read_subject_folder(inner, only);
    if (subject.images.empty()) return false;
    subject.site = site;
    subject.grade = grade;
    subjects.push_back(std::move(subject));
    return true;
  };
  for (const fs::path& outer : folders_in(folder)) {
    if (take(outer, "", "")) continue;
    const std::string name = outer.filename().string();
    const bool grade = name == "HGG" || name == "LGG";
    for (const fs::path& inner : folders_in(outer)) {
      take(inner, grade ? "" : name, grade ? name : "");
    }
  }
  return subjects;
}

}  // namespace collegium
