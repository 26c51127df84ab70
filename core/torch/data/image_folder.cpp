#include "torch/data/image_folder.h"

#include <algorithm>

#include "base/file.h"
#include "collegium/error.h"
#include "imaging/subject_cache.h"

namespace collegium {

struct ImageFolder::State {
  State(SubjectSource source, std::size_t bytes)
      : subjects(std::move(source)), cache(subjects, bytes) {}
  SubjectSet subjects;
  mutable SubjectCache cache;
};

ImageFolder::ImageFolder(SubjectSource source, std::size_t cache_bytes)
    : state_(std::make_unique<State>(std::move(source), cache_bytes)) {}

ImageFolder::~ImageFolder() = default;

const SubjectSet& ImageFolder::subject_set() const { return state_->subjects; }

std::size_t ImageFolder::size() const { return state_->subjects.size(); }

Item ImageFolder::sample(std::size_t index) const {
  const auto subject = state_->cache.get(index);
  if (subject->regions.channels == 0)
    throw DataError({.what = "this subject has no labels",
                     .where = "subject " + subject->id,
                     .remedy = "add its segmentation, or leave it out of [data] subjects"});
  const auto& extent = subject->image.extent;
  return {{subject->image.values.data(),
           ElementType::float32,
           {subject->image.channels, extent[0], extent[1], extent[2]},
           subject},
          {subject->regions.values.data(),
           ElementType::uint8,
           {subject->regions.channels, extent[0], extent[1], extent[2]},
           subject}};
}

std::string ImageFolder::name(std::size_t subject) const {
  return state_->subjects.files().at(subject).id;
}

std::vector<std::string> ImageFolder::regions() const {
  return {std::begin(kRegionNames), std::end(kRegionNames)};
}

Spacing ImageFolder::spacing(std::size_t subject) const {
  return state_->cache.get(subject)->spacing;
}

void ImageFolder::write_prediction(std::size_t subject, std::span<const std::uint8_t> regions,
                                   const std::filesystem::path& folder) const {
  const auto whole = state_->cache.get(subject);
  MaskImage image(kRegions, whole->image.extent);
  std::copy(regions.begin(), regions.end(), image.values.begin());
  make_folders(folder.string());
  collegium::write_prediction(folder, *whole, image, state_->subjects.scheme());
}

}  // namespace collegium
