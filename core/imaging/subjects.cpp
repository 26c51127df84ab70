#include "imaging/subjects.h"

#include <algorithm>
#include <cmath>

#include "collegium/error.h"
#include "imaging/nifti.h"
#include "imaging/subject_lists.h"

namespace collegium {
namespace {

namespace fs = std::filesystem;
constexpr double kGridTolerance = 1e-3;  // mm, for each number of the affine

// What went wrong with a file, told with the subject it belongs to.
template <class Work>
auto naming(const std::string& id, const Work& work) {
  try {
    return work();
  } catch (const DataError& error) {
    Problem problem = error.problem();
    problem.where = "subject " + id + (problem.where.empty() ? "" : ", " + problem.where);
    throw DataError(std::move(problem));
  }
}

std::string text(const Extent& extent) {
  return std::to_string(extent[0]) + " x " + std::to_string(extent[1]) + " x " +
         std::to_string(extent[2]);
}

std::string text(const Spacing& spacing) {
  std::string out;
  for (const double length : spacing) {
    std::string digits = std::to_string(length);
    digits.erase(digits.find_last_not_of('0') + 1);
    if (digits.ends_with('.')) digits.pop_back();
    out += (out.empty() ? "" : " x ") + digits;
  }
  return out + " mm";
}

bool same(const Affine& a, const Affine& b) {
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 4; ++column) {
      if (!(std::abs(a[row][column] - b[row][column]) <= kGridTolerance)) return false;
    }
  }
  return true;
}

void check_same_grid(const Grid& first, const fs::path& first_file, const Grid& other,
                     const fs::path& other_file) {
  if (first.extent() != other.extent()) {
    throw DataError({.what = "the volumes of a subject have different shapes",
                     .where = other_file.string(),
                     .expected = text(first.extent()) + " as " + first_file.filename().string(),
                     .found = text(other.extent()),
                     .remedy = "resample them onto one grid before"});
  }
  if (!same(first.affine, other.affine)) {
    throw DataError({.what = "the volumes of a subject lie in different places",
                     .where = other_file.string(),
                     .expected = "the orientation and origin of " + first_file.filename().string(),
                     .found = "an affine that differs by more than 0.001 mm",
                     .remedy = "register and resample them onto one grid before"});
  }
}

void check_channels(const Grid& grid, const fs::path& file, std::int64_t expected) {
  if (grid.channels() == expected) return;
  throw DataError({.what = "the volume has the wrong number of channels",
                   .where = file.string(),
                   .expected = std::to_string(expected),
                   .found = std::to_string(grid.channels())});
}

Spacing ras_spacing(const Grid& grid) {
  return orientation_to_ras(grid.affine).apply(grid.spacing);
}

bool same(const Spacing& a, const Spacing& b) {
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (!(std::abs(a[axis] - b[axis]) <= kGridTolerance)) return false;
  }
  return true;
}

// Channel c of [x, y, z, t] as [x, y, z].
std::vector<float> pick_channel(const Volume& volume, std::size_t channel) {
  const auto channels = static_cast<std::size_t>(volume.grid.channels());
  std::vector<float> out(volume.values.size() / channels);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = volume.values[i * channels + channel];
  return out;
}

// The four sequences, one or all from a file. Grids are compared again: a file may have been
// replaced since its header was looked at.
void read_images(const SubjectFiles& files, const Grid& grid, Subject& subject) {
  const bool together = files.images.size() == 1;
  Volume volume;
  for (std::size_t i = 0; i < kSequences; ++i) {
    if (i < files.images.size()) {
      volume = read_volume(files.images[i]);
      check_channels(volume.grid, files.images[i], together ? kSequences : 1);
      check_same_grid(grid, files.images[0], volume.grid, files.images[i]);
      require_finite(volume, files.images[i]);
    }
    reorient<float>(together ? pick_channel(volume, files.channels[i]) : volume.values,
                    subject.file_extent, subject.orientation,
                    subject.image.channel(static_cast<std::int64_t>(i)));
  }
}

MaskImage read_regions(const fs::path& file, const Grid& grid, const Subject& subject,
                       const LabelScheme& scheme) {
  const LabelVolume labels = read_labels(file);
  check_channels(labels.grid, file, 1);
  check_same_grid(grid, "the images", labels.grid, file);
  std::vector<std::int32_t> turned(labels.values.size());
  reorient<std::int32_t>(labels.values, subject.file_extent, subject.orientation, turned);
  return regions_from_labels(turned, subject.image.extent, scheme, file.string());
}

void keep_named(const SubjectSource& source, std::vector<SubjectFiles>& subjects) {
  for (const std::string& name : source.subjects) {
    if (std::none_of(subjects.begin(), subjects.end(),
                     [&](const SubjectFiles& s) { return s.id == name; })) {
      throw DataError({.what = "a subject that was asked for is not there",
                       .where = "subject " + name + ", " + source.path.string(),
                       .expected = "one of the " + std::to_string(subjects.size()) + " subjects",
                       .found = name,
                       .remedy = "mend `subjects` under [data]"});
    }
  }
  std::erase_if(subjects, [&](const SubjectFiles& s) {
    return std::find(source.subjects.begin(), source.subjects.end(), s.id) == source.subjects.end();
  });
}

}  // namespace

SubjectSet::SubjectSet(SubjectSource source) {
  if (source.format == "brats") {
    files_ = find_brats_subjects(source.path, source.subjects);
    if (source.labels == "msd") {
      throw ConfigError({.what = "labels = \"msd\" needs format = \"msd\"",
                         .expected = "brats2018 or brats2023",
                         .found = "msd",
                         .remedy = "its numbers are stated in a dataset.json"});
    }
    scheme_ = label_scheme(source.labels);
  } else if (source.format == "msd") {
    MsdList list = read_msd_list(source.path);
    files_ = std::move(list.subjects);
    scheme_ = source.labels == "msd" ? msd_scheme(list.labels, list.file.string())
                                     : label_scheme(source.labels);
  } else {
    throw ConfigError({.what = "unknown data format '" + source.format + "'",
                       .expected = "brats or msd",
                       .found = source.format});
  }
  choose(source);
  take_spacing();
}

// From the first subject that can be read at all: the others before it are refused when loaded.
void SubjectSet::take_spacing() {
  for (const SubjectFiles& files : files_) {
    try {
      spacing_ = naming(files.id, [&] { return ras_spacing(read_grid(files.images[0])); });
      spacing_from_ = files.id;
      return;
    } catch (const DataError&) {
      if (&files == &files_.back()) throw;
    }
  }
}

void SubjectSet::choose(const SubjectSource& source) {
  if (!source.table.empty()) apply_subject_table(source.table, files_);
  if (!source.subjects.empty()) keep_named(source, files_);
  if (!source.site.empty()) {
    std::erase_if(files_, [&](const SubjectFiles& s) { return s.site != source.site; });
  }
  std::sort(files_.begin(), files_.end(),
            [](const SubjectFiles& a, const SubjectFiles& b) { return a.id < b.id; });
  const auto twice =
      std::adjacent_find(files_.begin(), files_.end(),
                         [](const SubjectFiles& a, const SubjectFiles& b) { return a.id == b.id; });
  if (twice != files_.end()) {
    throw DataError({.what = "two subjects have one name",
                     .where = "subject " + twice->id + ", " + source.path.string(),
                     .expected = "names that differ",
                     .found = twice->id + " twice"});
  }
  if (files_.empty()) {
    throw DataError(
        {.what = "no subjects found",
         .where = source.path.string(),
         .expected = source.format == "brats"
                         ? "folders ID/ID_{t1ce,t1,t2,flair,seg}.nii.gz, directly or one level down"
                         : "entries under `training`",
         .found = source.site.empty() ? "none" : "none of site " + source.site,
         .remedy = "check `path` and `format` under [data]"});
  }
}

// The one grid of all files of a subject, by their headers.
Grid SubjectSet::common_grid(const SubjectFiles& files) const {
  const std::int64_t channels = files.images.size() == 1 ? kSequences : 1;
  const fs::path& first_file = files.images[0];
  const Grid first = read_grid(first_file);
  check_channels(first, first_file, channels);
  const auto check_other = [&](const fs::path& file, std::int64_t expected) {
    const Grid other = read_grid(file);
    check_channels(other, file, expected);
    check_same_grid(first, first_file, other, file);
  };
  for (std::size_t i = 1; i < files.images.size(); ++i) check_other(files.images[i], channels);
  if (files.labels) check_other(*files.labels, 1);
  if (const Spacing spacing = ras_spacing(first); !same(spacing, spacing_)) {
    throw DataError({.what = "the voxel spacing differs from that of the first subject",
                     .where = first_file.string(),
                     .expected = text(spacing_) + " as subject " + spacing_from_,
                     .found = text(spacing),
                     .remedy = "resample all subjects to one spacing before (BraTS: 1 mm)"});
  }
  return first;
}

Subject SubjectSet::load(std::size_t index) const {
  const SubjectFiles& files = files_.at(index);
  return naming(files.id, [&] {
    const Grid grid = common_grid(files);
    Subject subject;
    subject.id = files.id;
    subject.site = files.site;
    subject.grade = files.grade;
    subject.file_extent = grid.extent();
    subject.file_affine = grid.affine;
    subject.orientation = orientation_to_ras(grid.affine);
    subject.affine = reoriented(grid.affine, subject.file_extent, subject.orientation);
    subject.spacing = spacing_of(subject.affine);
    subject.image = FloatImage(kSequences, subject.orientation.apply(subject.file_extent));
    read_images(files, grid, subject);
    if (files.labels) subject.regions = read_regions(*files.labels, grid, subject, scheme_);
    return subject;
  });
}

std::vector<std::string> SubjectSet::check() const {
  std::vector<std::string> problems;
  for (const SubjectFiles& files : files_) {
    try {
      naming(files.id, [&] { return common_grid(files); });
    } catch (const DataError& error) {
      problems.push_back(error.what());
    }
  }
  return problems;
}

fs::path write_prediction(const fs::path& folder, const Subject& subject, const MaskImage& regions,
                          const LabelScheme& scheme) {
  const std::vector<std::uint8_t> turned = labels_from_regions(regions, scheme);
  std::vector<std::uint8_t> labels(turned.size());
  undo_reorient<std::uint8_t>(turned, subject.file_extent, subject.orientation, labels);
  const fs::path path = folder / (subject.id + ".nii.gz");
  write_volume(path, labels, subject.file_extent, subject.file_affine);
  return path;
}

}  // namespace collegium
