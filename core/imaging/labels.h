#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "imaging/volume.h"

namespace collegium {

// The BraTS regions a network predicts, in channel order: tumour core, whole tumour, enhancing
// tumour. They overlap.
enum class Region : std::int64_t { kTumourCore = 0, kWholeTumour = 1, kEnhancingTumour = 2 };
inline constexpr std::int64_t kRegions = 3;
inline constexpr const char* kRegionNames[kRegions] = {"tc", "wt", "et"};

// Which number in a label file means which tissue. 0 is background in all of them.
struct LabelScheme {
  std::string name;
  std::int32_t necrotic = 0;  // necrotic or non-enhancing core
  std::int32_t oedema = 0;
  std::int32_t enhancing = 0;
};

// "brats2018" (1 necrotic, 2 oedema, 4 enhancing) or "brats2023" (enhancing is 3). ConfigError for
// another name; "msd" needs the data set's own table, see msd_scheme.
LabelScheme label_scheme(std::string_view name);

// From the names in an MSD dataset.json: {"1": "edema", "2": "non-enhancing tumor", "3": "enhancing
// tumour"}. DataError, naming `file`, unless exactly these three tissues can be told from the
// names.
LabelScheme msd_scheme(std::span<const std::pair<std::int32_t, std::string>> names,
                       std::string_view file);

// (3, x, y, z) masks TC = necrotic | enhancing, WT = TC | oedema, ET = enhancing. A value the
// scheme does not know is a DataError naming `file` and the value.
MaskImage regions_from_labels(std::span<const std::int32_t> labels, const Extent& extent,
                              const LabelScheme& scheme, std::string_view file);

// The other way, for predictions: oedema where WT, then necrotic where TC, then enhancing where ET.
std::vector<std::uint8_t> labels_from_regions(const MaskImage& regions, const LabelScheme& scheme);

}  // namespace collegium
