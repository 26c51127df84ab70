#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "imaging/labels.h"
#include "imaging/orientation.h"
#include "imaging/volume.h"

namespace collegium {

// One patient: which files, nothing read yet.
struct SubjectFiles {
  std::string id;
  std::string site;   // sub-folder, entry of the list, column of the table, or empty
  std::string grade;  // as the list or the table says; empty if unknown
  std::vector<std::filesystem::path> images;    // four files of one sequence, or one of four
  std::vector<std::size_t> channels;            // one file: which of its channels is each of ours
  std::optional<std::filesystem::path> labels;  // none: a subject to predict
};

// Channel order of every image: contrast-enhanced T1, T1, T2, FLAIR.
inline constexpr std::int64_t kSequences = 4;
inline constexpr const char* kSequenceNames[kSequences] = {"t1ce", "t1", "t2", "flair"};

// Decoded, turned to RAS.
struct Subject {
  std::string id, site, grade;
  FloatImage image;   // (4, x, y, z)
  MaskImage regions;  // (3, x, y, z) TC, WT, ET; no channels if there is no label file
  Affine affine{};    // of the arrays above
  Spacing spacing{};
  Orientation orientation;  // from the file's grid to ours
  Extent file_extent{};
  Affine file_affine{};
};

struct SubjectSource {
  std::string format = "brats";      // "brats": a folder of subject folders; "msd": a dataset.json
  std::filesystem::path path;        // the folder, or the dataset.json itself
  std::string labels = "brats2018";  // or "brats2023"; "msd": the numbers dataset.json states
  std::vector<std::string> subjects = {};  // only these; empty: all
  std::filesystem::path table = {};        // CSV with `subject` and optionally `site` and `grade`
  std::string site = {};                   // only subjects of this site; empty: all
};

// The subjects of a data set, sorted by id.
//   brats: PATH/[SITE/]ID/ID{_t1ce,_t1,_t2,_flair,_seg}.nii[.gz], or 2023's -t1c -t1n -t2w -t2f
//   -seg msd:   {training: [{image: file | [4 files], label, [subject], [site], [grade]}],
//           modality: {"0": name of the sequence, ...}, labels: {"1": name of the tissue, ...}}
// A list of 4 files without `modality` is in our channel order. Other keys are ignored. ConfigError
// for an unknown format or label scheme, DataError (with the subject and the file) for the data.
class SubjectSet {
 public:
  explicit SubjectSet(SubjectSource source);

  const std::vector<SubjectFiles>& files() const { return files_; }
  std::size_t size() const { return files_.size(); }
  const LabelScheme& scheme() const { return scheme_; }
  const Spacing& spacing() const { return spacing_; }  // of every subject, axes R, A, S

  // All sequences and the labels must lie on one grid (affine within 1e-3); NaN and infinite
  // intensities, unknown labels and a voxel spacing other than the first subject's are refused:
  // nothing here resamples. Safe to call from several threads.
  Subject load(std::size_t index) const;

  // Looks at headers only: one line for each subject that load would refuse for a missing or
  // damaged header or for its grid.
  std::vector<std::string> check() const;

 private:
  void choose(const SubjectSource& source);
  void take_spacing();
  Grid common_grid(const SubjectFiles& files) const;
  LabelScheme scheme_;
  std::vector<SubjectFiles> files_;
  Spacing spacing_{};
  std::string spacing_from_;  // the subject it was read from
};

// Labels on the subject's own file grid, `<folder>/<id>.nii.gz`; returns the path.
std::filesystem::path write_prediction(const std::filesystem::path& folder, const Subject& subject,
                                       const MaskImage& regions, const LabelScheme& scheme);

}  // namespace collegium
