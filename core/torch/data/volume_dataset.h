#pragma once
#include <filesystem>
#include <span>

#include "imaging/volume.h"
#include "torch/data/dataset.h"

namespace collegium {

// Subjects with one volume each and a place in space, so that distances are millimetres and
// predictions can be written.
class VolumeDataset : public Dataset {
 public:
  virtual std::vector<std::string> regions() const = 0;    // of the target, e.g. tc, wt, et
  virtual Spacing spacing(std::size_t subject) const = 0;  // mm along the three axes
  // Regions (0/1, [regions, d, h, w]) as a label map on the grid of the subject's own files,
  // SUBJECT.nii.gz.
  virtual void write_prediction(std::size_t subject, std::span<const std::uint8_t> regions,
                                const std::filesystem::path& folder) const = 0;
};

}  // namespace collegium
