#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/file.h"
#include "collegium/error.h"
#include "imaging/subject_lists.h"

namespace collegium {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

[[noreturn]] void refuse(const fs::path& file, std::string what, std::string expected,
                         std::string found) {
  throw DataError({.what = std::move(what),
                   .where = file.string(),
                   .expected = std::move(expected),
                   .found = std::move(found)});
}

json parse(const fs::path& file) {
  try {
    return json::parse(read_text(file.string()));
  } catch (const json::parse_error& error) {  // its own text would quote the file
    refuse(file, "not valid JSON", "a data list",
           "a mistake at byte " + std::to_string(error.byte));
  } catch (const json::exception&) {
    refuse(file, "not valid JSON", "a data list", "a number that no computer holds");
  }
}

std::optional<std::int32_t> number_in(const std::string& text) {
  std::int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Our channel of a sequence's name in `modality`.
std::optional<std::size_t> sequence_from(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto is = [&](std::initializer_list<const char*> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (is({"t1ce", "t1gd", "t1c"})) return 0;
  if (is({"t1", "t1w", "t1n"})) return 1;
  if (is({"t2", "t2w"})) return 2;
  if (is({"flair", "t2f"})) return 3;
  return std::nullopt;
}

using Channels = std::array<std::size_t, kSequences>;  // our channel -> that of the list

// From {"0": "FLAIR", "1": "T1w", ...}; nothing if the list does not say.
std::optional<Channels> stated_channels(const json& list, const fs::path& file) {
  const json* names = list.contains("modality")        ? &list["modality"]
                      : list.contains("channel_names") ? &list["channel_names"]
                                                       : nullptr;
  if (names == nullptr) return std::nullopt;
  Channels channels{};
  std::array<bool, kSequences> seen{};
  const char* expected = "{\"0\": ..., \"3\": ...} naming T1ce, T1, T2 and FLAIR once each";
  if (!names->is_object() || names->size() != kSequences) {
    refuse(file, "`modality` does not name four sequences", expected, "something else");
  }
  for (const auto& [key, name] : names->items()) {
    const auto theirs = number_in(key);
    const auto ours = name.is_string() ? sequence_from(name.get<std::string>()) : std::nullopt;
    if (!theirs || *theirs < 0 || *theirs >= kSequences || !ours || seen[*ours]) {
      refuse(file, "`modality` is not understood", expected, "entry " + key);
    }
    seen[*ours] = true;
    channels[*ours] = static_cast<std::size_t>(*theirs);
  }
  return channels;
}

std::string text_or_nothing(const json& entry, const char* key) {
  return entry.contains(key) && entry[key].is_string() ? entry[key].get<std::string>() : "";
}

std::string name_without_extension(const fs::path& file) {
  std::string name = file.filename().string();
  for (const std::string_view extension : {".gz", ".nii"}) {
    if (name.ends_with(extension)) name.resize(name.size() - extension.size());
  }
  return name;
}

class EntryReader {
 public:
  EntryReader(const json& list, fs::path file)
      : file_(std::move(file)), channels_(stated_channels(list, file_)) {}

  SubjectFiles read(const json& entry, std::size_t number) const {
    const std::string where = "entry " + std::to_string(number) + " of `training`";
    if (!entry.is_object() || !entry.contains("image")) {
      refuse(file_, where + " has no image",
             "{\"image\": file or list of 4 files, \"label\": file}", entry.type_name());
    }
    SubjectFiles subject;
    if (entry["image"].is_string()) {
      if (!channels_) {
        refuse(file_, "the order of sequences is not stated",
               "`modality` naming the four channels of the images", "none");
      }
      subject.images = {resolve(entry["image"])};
      subject.channels.assign(channels_->begin(), channels_->end());
    } else {
      subject.images = four_files(entry["image"], where);
    }
    if (entry.contains("label") && entry["label"].is_string()) {
      subject.labels = resolve(entry["label"]);
    }
    subject.id = text_or_nothing(entry, "subject");
    if (subject.id.empty()) {
      subject.id = name_without_extension(subject.labels ? *subject.labels : subject.images[0]);
    }
    if (subject.id.empty()) {
      refuse(file_, where + " names no file", "a file's name, or `subject`", "neither");
    }
    subject.site = text_or_nothing(entry, "site");
    subject.grade = text_or_nothing(entry, "grade");
    return subject;
  }

 private:
  fs::path resolve(const json& name) const {
    return (file_.parent_path() / name.get<std::string>()).lexically_normal();
  }
  std::vector<fs::path> four_files(const json& names, const std::string& where) const {
    const bool strings =
        names.is_array() && names.size() == kSequences &&
        std::all_of(names.begin(), names.end(), [](const json& name) { return name.is_string(); });
    if (!strings) {
      refuse(file_, where + " has an image that is not understood", "one file or a list of four",
             names.is_array() ? std::to_string(names.size()) + " entries" : names.type_name());
    }
    std::vector<fs::path> files;
    for (std::size_t ours = 0; ours < kSequences; ++ours) {
      files.push_back(resolve(names[channels_ ? (*channels_)[ours] : ours]));
    }
    return files;
  }

  fs::path file_;
  std::optional<Channels> channels_;
};

}  // namespace

MsdList read_msd_list(const fs::path& path) {
  MsdList out;
  out.file = fs::is_directory(path) ? path / "dataset.json" : path;
  const json list = parse(out.file);
  if (!list.is_object() || !list.contains("training") || !list["training"].is_array()) {
    refuse(out.file, "not a data list", "an object with the list `training`", list.type_name());
  }
  const EntryReader reader(list, out.file);
  std::size_t number = 0;
  for (const json& entry : list["training"]) out.subjects.push_back(reader.read(entry, number++));
  if (list.contains("labels") && list["labels"].is_object()) {
    for (const auto& [key, name] : list["labels"].items()) {
      const auto value = number_in(key);
      if (value && name.is_string()) out.labels.emplace_back(*value, name.get<std::string>());
    }
  }
  return out;
}

}  // namespace collegium
