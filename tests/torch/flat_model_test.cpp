#include "torch/network/flat_model.h"

#include <gtest/gtest.h>

#include <cmath>

#include "reference.h"
#include "torch/network/small_networks.h"

namespace collegium {
namespace {

using testing::formula;

TEST(FlatModel, ParametersAndGradientsAreViewsOfTwoVectors) {
  const Mlp network({3, 4, 2});
  const auto layout = layout_of(network, {});
  FlatModel model(layout);
  model.load(initial_values(network, 1));
  for (std::size_t i = 0; i < layout.slots().size(); ++i) {
    const auto& parameter = model.parameters()[i];
    EXPECT_EQ(parameter.data_ptr<float>(), model.values().data() + layout.slots()[i].offset);
    EXPECT_EQ(parameter.grad().data_ptr<float>(),
              model.gradient().data() + layout.slots()[i].offset);
  }
  const auto x = formula({5, 3}, [](double i) { return std::sin(i); });
  network.forward(x, model.parameters(), {}).sum().backward();
  for (std::size_t i = 0; i < layout.slots().size();
       ++i)  // backward wrote into the vector and replaced nothing
    EXPECT_EQ(model.parameters()[i].grad().data_ptr<float>(),
              model.gradient().data() + layout.slots()[i].offset);
  const auto bias = model.gradient().last(2);
  EXPECT_FLOAT_EQ(bias[0], 5);
  EXPECT_FLOAT_EQ(bias[1], 5);
}

TEST(FlatModel, AccumulatesUntilTheGradientIsZeroed) {
  const Mlp network({3, 2});
  FlatModel model(layout_of(network, {}));
  const auto x = formula({1, 3}, [](double i) { return 1 + i; });
  for (int i = 0; i < 2; ++i) network.forward(x, model.parameters(), {}).sum().backward();
  EXPECT_FLOAT_EQ(model.gradient()[2], 6);
  model.zero_gradient();
  network.forward(x, model.parameters(), {}).sum().backward();
  EXPECT_FLOAT_EQ(model.gradient()[2], 3);
}

TEST(FlatModel, GivesFrozenSlotsNoGradient) {
  const Mlp network({3, 4, 2});
  FlatModel model(layout_of(network, {"head"}));
  model.load(initial_values(network, 1));
  network.forward(formula({5, 3}, [](double i) { return std::sin(i); }), model.parameters(), {})
      .sum()
      .backward();
  for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(model.gradient()[i], 0.0f);
  EXPECT_FLOAT_EQ(model.gradient()[24], 5);
}

}  // namespace
}  // namespace collegium
