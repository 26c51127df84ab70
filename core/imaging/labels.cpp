#include "imaging/labels.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "collegium/error.h"

namespace collegium {
namespace {

enum class Tissue { kNecrotic, kOedema, kEnhancing };

// "NCR/NET", "edema", "non-enhancing tumor", "enhancing tumour", ...
std::optional<Tissue> tissue_from(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto has = [&](std::string_view part) { return text.find(part) != std::string::npos; };
  if (has("edema") || text == "ed") return Tissue::kOedema;  // also "oedema"
  if (has("non-enh") || has("non enh") || has("nonenh") || has("necro") || has("ncr") ||
      text == "net") {
    return Tissue::kNecrotic;
  }
  if (has("enhanc") || text == "et") return Tissue::kEnhancing;
  return std::nullopt;
}

}  // namespace

LabelScheme label_scheme(std::string_view name) {
  if (name == "brats2018") return {"brats2018", 1, 2, 4};
  if (name == "brats2023") return {"brats2023", 1, 2, 3};
  throw ConfigError({.what = "unknown label scheme '" + std::string(name) + "'",
                     .expected = "brats2018, brats2023 or msd",
                     .found = std::string(name)});
}

LabelScheme msd_scheme(std::span<const std::pair<std::int32_t, std::string>> names,
                       std::string_view file) {
  LabelScheme scheme{"msd", 0, 0, 0};
  for (const auto& [value, name] : names) {
    if (value == 0) continue;
    const std::optional<Tissue> tissue = tissue_from(name);
    std::int32_t* slot = !tissue                        ? nullptr
                         : *tissue == Tissue::kNecrotic ? &scheme.necrotic
                         : *tissue == Tissue::kOedema   ? &scheme.oedema
                                                        : &scheme.enhancing;
    if (slot == nullptr || *slot != 0) {
      throw DataError(
          {.what = "label " + std::to_string(value) + " cannot be told",
           .where = std::string(file),
           .expected = "one name each for oedema, the non-enhancing or necrotic core, and "
                       "enhancing tumour",
           .found = name,
           .remedy = "rename it in `labels`, or state labels = \"brats2018\" or \"brats2023\""});
    }
    *slot = value;
  }
  if (scheme.necrotic == 0 || scheme.oedema == 0 || scheme.enhancing == 0) {
    throw DataError({.what = "`labels` lacks a tissue",
                     .where = std::string(file),
                     .expected = "oedema, non-enhancing or necrotic core, enhancing tumour",
                     .found = std::to_string(names.size()) + " names"});
  }
  return scheme;
}

MaskImage regions_from_labels(std::span<const std::int32_t> labels, const Extent& extent,
                              const LabelScheme& scheme, std::string_view file) {
  MaskImage regions(kRegions, extent);
  const auto core = regions.channel(0), whole = regions.channel(1), enhancing = regions.channel(2);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::int32_t label = labels[i];
    const bool is_enhancing = label == scheme.enhancing, is_necrotic = label == scheme.necrotic,
               is_oedema = label == scheme.oedema;
    if (label == 0) continue;
    if (!is_enhancing && !is_necrotic && !is_oedema) {
      throw DataError({.what = "unknown label " + std::to_string(label),
                       .where = std::string(file),
                       .expected = "0, " + std::to_string(scheme.necrotic) + ", " +
                                   std::to_string(scheme.oedema) + " or " +
                                   std::to_string(scheme.enhancing) + " (" + scheme.name + ")",
                       .found = std::to_string(label),
                       .remedy = "set `labels` under [data] to the scheme of this data set"});
    }
    core[i] = is_necrotic || is_enhancing;
    whole[i] = 1;
    enhancing[i] = is_enhancing;
  }
  return regions;
}

std::vector<std::uint8_t> labels_from_regions(const MaskImage& regions, const LabelScheme& scheme) {
  const auto core = regions.channel(0), whole = regions.channel(1), enhancing = regions.channel(2);
  std::vector<std::uint8_t> labels(whole.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::int32_t label = enhancing[i] != 0 ? scheme.enhancing
                               : core[i] != 0    ? scheme.necrotic
                               : whole[i] != 0   ? scheme.oedema
                                                 : 0;
    labels[i] = static_cast<std::uint8_t>(label);
  }
  return labels;
}

}  // namespace collegium
