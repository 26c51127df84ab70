#include "plugin/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collegium/error.h"
#include "collegium/version.h"
#include "plugin/fixture.h"
#include "plugin/loader.h"

namespace collegium {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Registry, HoldsTheBuiltIns) {
  const Registry registry;
  EXPECT_THAT(registry.aggregators(), ElementsAre("weighted_mean"));
  EXPECT_EQ(registry.listings().front().version, COLLEGIUM_VERSION);
  EXPECT_TRUE(registry.make_aggregator("weighted_mean", Settings{})->traits().linear);
}

TEST(Registry, NamesTheNearestOfTheKnownOnes) {
  const Registry registry;
  try {
    registry.make_aggregator(
        "weihgted_mean",
        Settings::parse("[aggregator]\nname = \"weihgted_mean\"\n", "f.toml").table("aggregator"));
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.problem().where, "f.toml:2:1");
    EXPECT_THAT(error.problem().expected, HasSubstr("weighted_mean"));
    EXPECT_EQ(error.problem().remedy, "did you mean 'weighted_mean'?");
  }
}

TEST(Registry, TellsAggregatorsFromMechanisms) {
  const Registry registry;
  try {
    registry.make_mechanism("weighted_mean", Settings{});
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.problem().found, HasSubstr("is an aggregator"));
  }
}

TEST(Registry, RefusesSettingsThatTheObjectDidNotRead) {
  const Registry registry;
  EXPECT_NO_THROW(registry.make_aggregator("weighted_mean",
                                           Settings::parse("name = \"weighted_mean\"\n", "f")));
  EXPECT_THROW(registry.make_aggregator("weighted_mean", Settings::parse("denominater = 1\n", "f")),
               ConfigError);
}

TEST(Registry, PassesOnErrorsOfAPluginAndNamesItsFileForAnythingElseItThrows) {
  Registry registry;
  load_plugin(registry, fixture("good"));
  const auto make = [&](double factor) {
    Settings settings;
    settings.set("factor", factor);
    return registry.make_aggregator("first", settings);
  };
  EXPECT_THROW(make(-1), ConfigError);
  for (const double factor : {60.0, 200.0}) {
    try {
      make(factor);
      FAIL();
    } catch (const PluginError& error) {
      EXPECT_THAT(error.problem().where, HasSubstr("good.so"));
    }
  }
  const std::vector<float> values{1, 2};
  std::vector<float> delta(2);
  const auto aggregator = make(3);
  aggregator->accumulate({.values = values, .weight = 1, .site = "a"});
  aggregator->finish(delta);
  EXPECT_THAT(delta, ElementsAre(3, 6));
}

TEST(Registry, RefusesASecondPluginOfOneNameAndNamesBothFiles) {
  Registry registry;
  load_plugin(registry, fixture("good"));
  try {
    load_plugin(registry, fixture("same_name"));
    FAIL();
  } catch (const PluginError& error) {
    EXPECT_THAT(error.problem().where, HasSubstr("same_name.so"));
    EXPECT_THAT(error.problem().found, HasSubstr("good.so"));
  }
  EXPECT_EQ(registry.listings().size(), 2u);
}

TEST(Registry, TakesNothingFromAPluginWhoseRegistrationFails) {
  Registry registry;
  for (const char* broken :
       {"register_throws", "register_throws_oddly", "offers_twice", "bad_name", "offers_nothing"}) {
    EXPECT_THROW(load_plugin(registry, fixture(broken)), PluginError) << broken;
  }
  EXPECT_THAT(registry.aggregators(), ElementsAre("weighted_mean"));
  EXPECT_EQ(registry.listings().size(), 1u);
}

}  // namespace
}  // namespace collegium
