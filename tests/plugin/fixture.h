#pragma once
#include <fstream>
#include <iterator>
#include <string>

#include "support/places.h"

namespace collegium {

inline std::string fixture(const std::string& name) {
  return std::string(COLLEGIUM_FIXTURES) + "/" + name + ".so";
}
inline std::string plugin(const std::string& name) { return plugin_folder() + "/" + name + ".so"; }

inline std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace collegium
