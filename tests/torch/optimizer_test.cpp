#include <gtest/gtest.h>

#include <cmath>

#include "collegium/error.h"
#include "reference.h"
#include "torch/training/optimizers.h"

namespace collegium {
namespace {

Layout one_tensor(std::int64_t size) {
  Layout layout;
  layout.add("w", {size});
  return layout;
}

TEST(AdamOptimizer, FollowsTorchsAdam) {
  const auto reference = testing::reference("adam_reference.json");
  ASSERT_EQ(reference.at("cases").size(), 3u);
  for (const auto& c : reference.at("cases")) {
    TrainingConfig config;
    config.beta1 = c.at("beta1");
    config.beta2 = c.at("beta2");
    config.eps = c.at("eps");
    config.weight_decay = c.at("weight_decay");
    Adam adam(config, one_tensor(8));
    std::vector<float> w(8), g(8);
    for (std::size_t i = 0; i < 8; ++i) w[i] = static_cast<float>(std::cos(static_cast<double>(i)));
    for (int t = 1; t <= c.at("steps"); ++t) {
      for (std::size_t i = 0; i < 8; ++i)
        g[i] = static_cast<float>(std::sin(0.7 * static_cast<double>(i) + 0.3 * t) + 0.1 * w[i]);
      adam.step(w, g, c.at("lr"));
    }
    for (std::size_t i = 0; i < 8; ++i) EXPECT_NEAR(w[i], c.at("values")[i].get<double>(), 2e-6);
  }
}

TEST(SgdOptimizer, StepsAgainstTheGradientAndTheDecay) {
  TrainingConfig config;
  config.weight_decay = 0.5;
  Sgd sgd(config, one_tensor(2));
  std::vector<float> w = {1, -2};
  sgd.step(w, std::vector<float>{0.25f, 1}, 0.5);
  EXPECT_EQ(w, (std::vector<float>{1 - 0.5f * (0.25f + 0.5f), -2 - 0.5f * (1 - 1)}));
}

TEST(AnOptimizer, LeavesFrozenSlotsAlone) {
  Layout layout;
  layout.add("a", {2}, true);
  layout.add("frozen", {2}, false);
  layout.add("b", {1}, true);
  layout.add("c", {1}, true);
  for (const char* name : {"adam", "sgd"}) {
    TrainingConfig config;
    config.optimizer = name;
    std::vector<float> w(6, 1.0f);
    make_optimizer(config, layout)->step(w, std::vector<float>(6, 1.0f), 0.1);
    EXPECT_EQ(w[2], 1.0f);
    EXPECT_EQ(w[3], 1.0f);
    EXPECT_LT(w[1], 1.0f);
    EXPECT_LT(w[4], 1.0f);
  }
}

TEST(AnOptimizer, OfUnknownNameIsRefused) {
  TrainingConfig config;
  config.optimizer = "adamw";
  EXPECT_THROW(make_optimizer(config, one_tensor(1)), ConfigError);
}

}  // namespace
}  // namespace collegium
