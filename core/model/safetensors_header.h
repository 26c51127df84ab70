#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "collegium/layout.h"

namespace collegium {

// The JSON header of a safetensors file, checked against the number of data bytes behind it:
// float32 tensors only, whose ranges follow one another without gap or overlap and end with the
// file.
struct SafetensorsHeader {
  Layout layout;  // slots in the order of their bytes
  std::map<std::string, std::string> metadata;
};

// Throws DataError; `source` is the file as messages print it.
SafetensorsHeader parse_safetensors_header(std::string_view json, std::uint64_t data_size,
                                           const std::string& source);
std::string write_safetensors_header(const Layout& layout,
                                     const std::map<std::string, std::string>& metadata);

}  // namespace collegium
