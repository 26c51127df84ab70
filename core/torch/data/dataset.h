#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace collegium {

enum class ElementType { float32, uint8, int16, int64 };

// A dense row-major array that somebody may share with us; nothing is copied, `owner` keeps the
// memory alive.
struct Array {
  const void* data = nullptr;
  ElementType type = ElementType::float32;
  std::vector<std::int64_t> shape;
  std::shared_ptr<const void> owner;

  std::int64_t size() const;  // elements
};

// One sample without a batch axis. Input: [features], or [channels, depth, height, width] of a
// volume. Target: regions of a volume [regions, depth, height, width] with 0/1, values [outputs],
// or a class index (shape []).
struct Item {
  Array input;
  Array target;
};

// What a site trains on. A subject (patient) may own several samples; privacy and validation work
// by subject. Calls may come from several threads.
class Dataset {
 public:
  virtual ~Dataset();
  virtual std::size_t size() const = 0;              // samples
  virtual Item sample(std::size_t index) const = 0;  // throws DataError
  virtual std::size_t subjects() const { return size(); }
  virtual std::size_t subject(std::size_t index) const { return index; }
  virtual std::string name(std::size_t subject) const;  // unique; default: the number in decimal
  virtual bool as_scanned() const { return false; }     // intensities still have to be normalised
};

// Arrays in memory whose first axis counts the samples, e.g. of NumPy or torch. `subject_of` (one
// number a sample, counted from 0 without gaps) groups samples by patient; empty: every sample is
// its own subject.
class TensorDataset final : public Dataset {
 public:
  TensorDataset(Array inputs, Array targets, std::vector<std::size_t> subject_of = {});
  std::size_t size() const override { return size_; }
  Item sample(std::size_t index) const override;
  std::size_t subjects() const override { return subjects_; }
  std::size_t subject(std::size_t index) const override {
    return subject_of_.empty() ? index : subject_of_[index];
  }

 private:
  Array inputs_, targets_;
  std::vector<std::size_t> subject_of_;
  std::size_t size_ = 0, subjects_ = 0;
};

// Some subjects of another data set, under their own names.
class SubjectSubset final : public Dataset {
 public:
  SubjectSubset(std::shared_ptr<const Dataset> whole, std::vector<std::size_t> subjects);
  std::size_t size() const override { return samples_.size(); }
  Item sample(std::size_t index) const override { return whole_->sample(samples_.at(index)); }
  std::size_t subjects() const override { return names_.size(); }
  std::size_t subject(std::size_t index) const override { return owners_.at(index); }
  std::string name(std::size_t subject) const override { return names_.at(subject); }
  bool as_scanned() const override { return whole_->as_scanned(); }

 private:
  std::shared_ptr<const Dataset> whole_;
  std::vector<std::size_t> samples_, owners_;
  std::vector<std::string> names_;
};

}  // namespace collegium
