#include "vector/device.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

namespace collegium {
namespace {

TEST(Devices, BeginWithTheCpu) {
  ASSERT_FALSE(devices().empty());
  EXPECT_EQ(devices()[0], Device{});
  EXPECT_EQ(to_string(devices()[0]), "cpu");
}

TEST(Devices, SayWhyThereIsNoGpu) {
  EXPECT_EQ(devices().size() == 1, !cuda_status().empty()) << cuda_status();
  EXPECT_EQ(cuda_status().find('\n'), std::string::npos);
}

// On a machine that is meant to have a GPU a missing one is a failure, not a quiet pass on the CPU.
TEST(Devices, HoldAGpuWhereOneIsRequired) {
  const char* required = std::getenv("COLLEGIUM_REQUIRE_GPU");
  if (required == nullptr || std::strcmp(required, "1") != 0)
    GTEST_SKIP() << "COLLEGIUM_REQUIRE_GPU is not 1";
  EXPECT_GT(devices().size(), 1u) << cuda_status();
}

TEST(DeviceVectors, BringBackWhatWasPutIn) {
  const std::vector<float> values{1.5f, -2.0f, 0.0f};
  for (const Device device : devices()) {
    EXPECT_EQ(DeviceVector(values, device).to_host(), values) << to_string(device);
    EXPECT_TRUE(DeviceVector(std::size_t{0}, device).to_host().empty()) << to_string(device);
  }
}

}  // namespace
}  // namespace collegium
