#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "support/places.h"

namespace collegium::testing {

// Values computed by MONAI 1.6.1, panoptica and scipy; the file says how.
inline const nlohmann::json& medical_reference() {
  static const nlohmann::json values =
      nlohmann::json::parse(std::ifstream(test_data("medical_reference.json")));
  return values;
}

inline double number(const nlohmann::json& value) {
  if (!value.is_string()) return value.get<double>();
  return value == "nan" ? std::nan("") : std::numeric_limits<double>::infinity();
}

// Equal within rtol * |expected| + atol; NaN only to NaN.
inline void expect_close(double actual, double expected, double rtol, double atol,
                         const std::string& what) {
  if (std::isnan(expected)) {
    EXPECT_TRUE(std::isnan(actual)) << what << ": " << actual;
  } else {
    EXPECT_NEAR(actual, expected, rtol * std::abs(expected) + atol) << what;
  }
}

}  // namespace collegium::testing
