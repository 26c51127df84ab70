#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "vector/device.h"

namespace collegium {

// A test body that runs on the CPU and on every usable GPU.
class OnEveryDevice : public ::testing::TestWithParam<Device> {
 protected:
  DeviceVector put(const std::vector<float>& host) const { return DeviceVector(host, GetParam()); }
};

inline std::string device_name(const ::testing::TestParamInfo<Device>& info) {
  return info.param.kind == Device::Kind::cpu ? "cpu" : "cuda" + std::to_string(info.param.index);
}

// Values of very different sizes and both signs: sums of them show every change of order.
inline std::vector<float> uneven_values(std::size_t size, unsigned seed) {
  std::mt19937 bits(seed);
  std::vector<float> values(size);
  for (float& value : values)
    value =
        std::ldexp(static_cast<float>(bits()) - 2147483648.0f, static_cast<int>(bits() % 40) - 60);
  return values;
}

}  // namespace collegium
