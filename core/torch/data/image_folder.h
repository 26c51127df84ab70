#pragma once
#include <memory>

#include "imaging/subjects.h"
#include "torch/data/volume_dataset.h"

namespace collegium {

// Subjects in files, decoded when they are first needed and kept in memory as long as they fit.
class ImageFolder final : public VolumeDataset {
 public:
  explicit ImageFolder(SubjectSource source, std::size_t cache_bytes = std::size_t{4} << 30);
  ~ImageFolder() override;

  const SubjectSet& subject_set() const;

  std::size_t size() const override;
  Item sample(std::size_t index)
      const override;  // DataError: a file that cannot be trained on, or has no labels
  std::string name(std::size_t subject) const override;
  bool as_scanned() const override { return true; }
  std::vector<std::string> regions() const override;
  Spacing spacing(std::size_t subject) const override;
  void write_prediction(std::size_t subject, std::span<const std::uint8_t> regions,
                        const std::filesystem::path& folder) const override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace collegium
