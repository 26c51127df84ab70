#include "torch/network/segresnet.h"

#include <gtest/gtest.h>

#include <cmath>

#include "collegium/error.h"
#include "reference.h"
#include "torch/network/flat_model.h"
#include "torch/training/losses.h"

namespace collegium {
namespace {

using testing::formula;

// The weights of the reference values: a running index over all parameters, by the kind of
// parameter.
void fill_by_formula(const SegResNet& network, FlatModel& model) {
  std::size_t i = 0;
  auto values = model.values();
  for (const auto& spec : network.parameters()) {
    const bool norm = spec.fill == 1;
    const bool bias = spec.name.ends_with("bias");
    std::int64_t size = 1;
    for (const auto extent : spec.shape) size *= extent;
    for (std::int64_t k = 0; k < size; ++k, ++i) {
      const double w = std::sin(static_cast<double>(i));
      values[i] = static_cast<float>(norm ? 1 + 0.1 * w : bias ? 0.1 * w : 0.05 * w);
    }
  }
}

struct Case {
  std::string name;
  SegResNet::Options options;
};

class SegResNetReference : public ::testing::TestWithParam<Case> {};

TEST_P(SegResNetReference, AgreesWithMonaiInOutputLossAndGradients) {
  const auto all = testing::reference("medical_reference.json").at("segresnet").at("cases");
  const auto& expected = *std::find_if(
      all.begin(), all.end(), [](const auto& c) { return c.at("name") == GetParam().name; });
  const SegResNet network(GetParam().options);
  const auto layout = layout_of(network, {});
  ASSERT_EQ(layout.size(), expected.at("n_params"));
  ASSERT_EQ(layout.slots().size(), expected.at("n_tensors"));
  FlatModel model(layout);
  fill_by_formula(network, model);

  const auto x = formula(expected.at("in_shape"),
                         [](double i) { return std::sin(0.1 * i) + 0.3 * std::cos(0.013 * i); });
  const auto t =
      formula(expected.at("out_shape"), [](double i) { return std::sin(0.25 * i + 0.55) > 0.3; });
  const auto y = network.forward(x, model.parameters(), {});
  ASSERT_EQ(y.sizes().vec(), expected.at("out_shape").get<std::vector<std::int64_t>>());
  const auto flat = y.detach().reshape({-1});
  for (std::size_t i = 0; i < 10; ++i) {
    const double want = expected.at("first10")[i];
    EXPECT_NEAR(flat[static_cast<std::int64_t>(i)].item<double>(), want,
                2e-5 + 2e-4 * std::abs(want));
  }
  EXPECT_NEAR(flat.mean().item<double>(), expected.at("mean"), 2e-5);
  EXPECT_NEAR(flat.std().item<double>(), expected.at("std"), 2e-5);

  const auto loss =
      make_loss({.squared_pred = true, .smooth_nr = 0, .smooth_dr = 1e-5})->mean(y, t);
  EXPECT_NEAR(loss.item<double>(), expected.at("loss"), 1e-5);
  loss.backward();
  EXPECT_NEAR(model.flat_gradient().norm().item<double>(), expected.at("grad_norm_total"),
              2e-4 * expected.at("grad_norm_total").get<double>());
  for (const auto& [name, norm] : expected.at("grad_norms").items()) {
    const auto slot = std::find_if(layout.slots().begin(), layout.slots().end(),
                                   [&](const auto& s) { return s.name == name; });
    ASSERT_NE(slot, layout.slots().end()) << name;
    const auto part = model.flat_gradient().narrow(0, static_cast<std::int64_t>(slot->offset),
                                                   static_cast<std::int64_t>(slot->size));
    EXPECT_NEAR(part.norm().item<double>(), norm.get<double>(),
                2e-5 * 1e-2 + 2e-4 * norm.get<double>())
        << name;
  }
}

INSTANTIATE_TEST_SUITE_P(, SegResNetReference,
                         ::testing::Values(Case{"segresnet f8", {}},
                                           Case{"segresnet f8 batch 2", {}},
                                           Case{"segresnet f16", {.init_filters = 16}},
                                           Case{"segresnet f8 up 1 blocks (1,1)",
                                                {.blocks_down = {1, 1}, .blocks_up = {1}}}),
                         [](const auto& info) {
                           std::string name = info.param.name;
                           for (auto& c : name)
                             if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
                           return name;
                         });

TEST(SegResNet, NamesAndOrdersItsParametersAsMonaisStateDict) {
  const auto expected =
      testing::reference("medical_reference.json").at("segresnet").at("state_dict_f8");
  const SegResNet network({});
  ASSERT_EQ(network.parameters().size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(network.parameters()[i].name, expected[i][0]);
    EXPECT_EQ(network.parameters()[i].shape, expected[i][1].get<std::vector<std::int64_t>>());
  }
}

TEST(SegResNet, DropsWholeChannelsByTheKeyOfEachSample) {
  const SegResNet network({.dropout = 0.5});
  const auto layout = layout_of(network, {});
  FlatModel model(layout);
  model.load(initial_values(network, 3));
  const auto one = formula({1, 4, 8, 8, 8}, [](double i) { return std::sin(i); });
  const auto run = [&](std::vector<std::uint64_t> keys) {
    return network
        .forward(one.expand({2, 4, 8, 8, 8}), model.parameters(), {.dropout_keys = std::move(keys)})
        .detach();
  };
  const auto y = run({11, 12});
  EXPECT_TRUE(y.equal(run({11, 12})));
  EXPECT_FALSE(y[0].equal(y[1]));             // two samples, two masks
  EXPECT_TRUE(y[1].equal(run({12, 12})[1]));  // whatever the other sample is
  EXPECT_FALSE(y.equal(run({})));
}

TEST(SegResNet, RefusesVolumesItCannotHalveAndFiltersItCannotGroup) {
  const SegResNet network({});
  FlatModel model(layout_of(network, {}));
  EXPECT_THROW(network.forward(at::arange(4 * 8 * 8 * 12, at::kFloat).view({1, 4, 8, 8, 12}),
                               model.parameters(), {}),
               DataError);
  EXPECT_THROW(SegResNet({.init_filters = 12}), ConfigError);
}

}  // namespace
}  // namespace collegium
