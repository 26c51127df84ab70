#pragma once
#include <string>

namespace collegium {

// Where this build keeps what tests read. Only places.cpp is compiled with these paths, so that
// every other file compiles alike in every folder and a compiler cache serves all of them.
std::string test_data(const std::string& file);  // a file of tests/data
std::string plugin_folder();                     // the plugins of this build

}  // namespace collegium
