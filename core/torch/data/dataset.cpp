#include "torch/data/dataset.h"

#include <algorithm>
#include <limits>

#include "collegium/error.h"

namespace collegium {
namespace {

std::size_t element_size(ElementType type) {
  switch (type) {
    case ElementType::float32:
      return 4;
    case ElementType::uint8:
      return 1;
    case ElementType::int16:
      return 2;
    case ElementType::int64:
      return 8;
  }
  return 0;
}

Array row(const Array& all, std::size_t index) {
  Array one{nullptr, all.type, {all.shape.begin() + 1, all.shape.end()}, all.owner};
  one.data = static_cast<const char*>(all.data) +
             index * static_cast<std::size_t>(one.size()) * element_size(all.type);
  return one;
}

}  // namespace

std::int64_t Array::size() const {
  std::int64_t product = 1;
  for (const auto extent : shape) product *= extent;
  return product;
}

Dataset::~Dataset() = default;

std::string Dataset::name(std::size_t subject) const { return std::to_string(subject); }

TensorDataset::TensorDataset(Array inputs, Array targets, std::vector<std::size_t> subject_of)
    : inputs_(std::move(inputs)), targets_(std::move(targets)), subject_of_(std::move(subject_of)) {
  if (inputs_.shape.empty() || targets_.shape.empty() || inputs_.shape[0] != targets_.shape[0])
    throw DataError(
        {.what = "inputs and targets do not count the same samples",
         .expected = "equal first axes",
         .found = std::to_string(inputs_.shape.empty() ? 0 : inputs_.shape[0]) + " inputs, " +
                  std::to_string(targets_.shape.empty() ? 0 : targets_.shape[0]) + " targets"});
  if (inputs_.type != ElementType::float32)
    throw DataError({.what = "inputs must be float32",
                     .remedy = "convert them first, e.g. x.astype('float32')"});
  size_ = static_cast<std::size_t>(inputs_.shape[0]);
  subjects_ = size_;
  if (subject_of_.empty()) return;
  if (subject_of_.size() != size_)
    throw DataError({.what = "the list of subjects does not fit the samples",
                     .expected = std::to_string(size_) + " numbers",
                     .found = std::to_string(subject_of_.size())});
  subjects_ = 1 + *std::max_element(subject_of_.begin(), subject_of_.end());
  std::vector<bool> seen(std::min(subjects_, size_ + 1));
  for (const auto subject : subject_of_)
    if (subject < seen.size()) seen[subject] = true;
  if (subjects_ > size_ || !std::all_of(seen.begin(), seen.end(), [](bool s) { return s; }))
    throw DataError({.what = "subjects are not counted from 0 without gaps",
                     .remedy = "np.unique(patients, return_inverse=True)[1] gives such numbers"});
}

Item TensorDataset::sample(std::size_t index) const {
  if (index >= size_)
    throw DataError({.what = "no such sample",
                     .expected = "below " + std::to_string(size_),
                     .found = std::to_string(index)});
  return {row(inputs_, index), row(targets_, index)};
}

SubjectSubset::SubjectSubset(std::shared_ptr<const Dataset> whole,
                             std::vector<std::size_t> subjects)
    : whole_(std::move(whole)) {
  constexpr auto kAbsent = std::numeric_limits<std::size_t>::max();
  std::vector<std::size_t> place(whole_->subjects(), kAbsent);
  for (const auto subject : subjects) {
    place.at(subject) = names_.size();
    names_.push_back(whole_->name(subject));
  }
  for (std::size_t i = 0; i < whole_->size(); ++i) {
    const auto at = place[whole_->subject(i)];
    if (at == kAbsent) continue;
    samples_.push_back(i);
    owners_.push_back(at);
  }
}

}  // namespace collegium
