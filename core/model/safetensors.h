#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "collegium/layout.h"
#include "model/safetensors_header.h"

namespace collegium {

// A model as it stands in a safetensors file: an 8-byte little-endian header length, a JSON header,
// raw tensors. Only float32 tensors are taken. Slots come in the order of their bytes. Which of
// them are not trainable stands in the metadata under "collegium.frozen", one name a line;
// "collegium.buffers" names those that are buffers in the same way.
struct StoredModel {
  Layout layout;
  std::vector<float> values;
  std::map<std::string, std::string> metadata;
};

inline constexpr std::size_t kMaxSafetensorsHeader =
    16 * 1024 * 1024;  // 100,000 tensors with long names

// Written beside the target, made durable, renamed: a reader sees the old file or the new one. The
// values are written from where they lie.
void save_safetensors(const std::filesystem::path& file, const Layout& layout,
                      std::span<const float> values,
                      const std::map<std::string, std::string>& metadata = {});

// Throws DataError with the file, what is wrong and, where it can be said, which tensor. Nothing is
// allocated from a length that the file's size does not bear out.
StoredModel load_safetensors(const std::filesystem::path& file);
StoredModel parse_safetensors(std::span<const std::uint8_t> bytes, const std::string& source);
// Everything but the values; nothing of the tensors is copied.
SafetensorsHeader parse_safetensors_header(std::span<const std::uint8_t> bytes,
                                           const std::string& source);

}  // namespace collegium
