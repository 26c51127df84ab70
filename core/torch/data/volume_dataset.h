#pragma once
#include <array>
#include <filesystem>
#include <span>

#include "torch/data/dataset.h"

namespace collegium {

// Subjects with one volume each and a place in space, so that distances are millimetres and predictions can be written.
class VolumeDataset : public Dataset {
 public:
  virtual std::vector<std::string> regions() const = 0;                           // of the target, e.g. tc, wt, et
  virtual std::array<double, 3> spacing(std::size_t subject) const = 0;           // mm along depth, height, width
  // Regions (0/1, [regions, d, h, w]) back to a label map with the geometry of the subject's images.
  virtual void write_prediction(std::size_t subject, std::span<const std::uint8_t> regions,
                                const std::filesystem::path& file) const = 0;
};

}  // namespace collegium
