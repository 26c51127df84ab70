#pragma once
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "support/places.h"

namespace collegium {

inline nlohmann::json read_reference(const std::string& name) {
  std::ifstream file(test_data(name));
  if (!file) throw std::runtime_error("missing test data: " + name);
  return nlohmann::json::parse(file);
}

// The cases under /section or /section/cases; never empty, so that a loop over them tests
// something.
inline nlohmann::json reference_cases(const std::string& file, const std::string& section) {
  nlohmann::json cases = read_reference(file).at(section);
  if (cases.is_object()) cases = nlohmann::json(cases.at("cases"));
  if (cases.empty()) throw std::runtime_error("no reference cases in " + section);
  return cases;
}

// Numbers may be written as the strings "inf", "nan" or a long decimal.
inline double number(const nlohmann::json& value) {
  return value.is_string() ? std::stod(value.get<std::string>()) : value.get<double>();
}

}  // namespace collegium
