#include "torch/network/model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "collegium/error.h"
#include "tables.h"
#include "torch/network/network.h"

namespace collegium {
namespace {

TEST(BuiltInNetworks, StartInTorchsBoundsAndSpreadOverThem) {
  for (const auto& name : network_names()) {
    const auto config = testing::network(name);
    const auto network = make_network(config);
    const auto values = initial_values(config, 7);
    std::size_t at = 0;
    const auto layout = network_layout(config);
    for (const auto& slot : layout.slots()) {
      const auto& spec = *std::find_if(network->parameters().begin(), network->parameters().end(),
                                       [&](const auto& s) { return s.name == slot.name; });
      const auto [low, high] =
          std::minmax_element(values.begin() + static_cast<std::ptrdiff_t>(at),
                              values.begin() + static_cast<std::ptrdiff_t>(at + slot.size));
      if (spec.bound > 0) {
        EXPECT_GE(*low, -spec.bound) << slot.name;
        EXPECT_LE(*high, spec.bound) << slot.name;
        if (slot.size > 100) {
          EXPECT_GT(*high - *low, 1.8 * spec.bound) << slot.name;
        }
      } else {
        EXPECT_EQ(*low, static_cast<float>(spec.fill)) << slot.name;
        EXPECT_EQ(*high, static_cast<float>(spec.fill)) << slot.name;
      }
      at += slot.size;
    }
    EXPECT_EQ(at, values.size());
  }
}

TEST(BuiltInNetworks, StartEquallyForEqualSeedsOnly) {
  const auto config = testing::network("mlp", 3, 2);
  EXPECT_EQ(initial_values(config, 1), initial_values(config, 1));
  EXPECT_NE(initial_values(config, 1), initial_values(config, 2));
}

TEST(TrainablePatterns, FreezeWhatTheyDoNotName) {
  NetworkConfig config;
  config.trainable = {"norm", "bias", "head"};
  std::size_t trainable = 0;
  const auto layout = network_layout(config);
  for (const auto& slot : layout.slots()) {
    const bool wanted = slot.name.find("norm") != std::string::npos ||
                        slot.name.find("bias") != std::string::npos ||
                        slot.name.starts_with("conv_final");
    EXPECT_EQ(slot.trainable, wanted) << slot.name;
    if (slot.trainable) trainable += slot.size;
  }
  EXPECT_GT(trainable, 0u);
}

TEST(TrainablePatterns, ThatMatchNothingAreRefusedByName) {
  NetworkConfig config;
  config.trainable = {"nrom"};
  try {
    network_layout(config);
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.problem().found, "nrom");
  }
}

TEST(BuiltInNetworks, OfUnknownNamesAreRefused) {
  EXPECT_THROW(network_layout(testing::network("segrsnet")), ConfigError);
}

}  // namespace
}  // namespace collegium
