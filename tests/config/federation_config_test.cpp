#include "config/federation_config.h"

#include <gtest/gtest.h>

#include <string>

#include "support/expect_problem.h"

namespace collegium {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

FederationConfig read(const std::string& toml) {
  return FederationConfig::read(Settings::parse(toml, "federation.toml"));
}

Problem refusal(const std::string& toml) {
  return problem_of([&] { read(toml); });
}

TEST(FederationConfig, OfAnEmptyFileIsThePapersRecipe) {
  const FederationConfig config = read("");
  EXPECT_EQ(config.network.name, "segresnet");
  EXPECT_EQ(config.training.optimizer, "adam");
  EXPECT_EQ(config.training.lr, 1e-4);
  EXPECT_EQ(config.training.moments, "restart");
  EXPECT_EQ(config.training.weighting, "iterations");
  EXPECT_EQ(config.training.local_epochs, 2);
  EXPECT_EQ(config.training.local_steps, 0);
  EXPECT_EQ(config.aggregator.name, "weighted_mean");
  EXPECT_EQ(config.mechanism.name, "");
  EXPECT_FALSE(config.privacy.has_value());
  EXPECT_EQ(config.run.folder, "runs/federation");
}

TEST(FederationConfig, WaitsForEverySiteUnlessToldOtherwise) {
  EXPECT_EQ(read("[federation]\nsites = ['guys', 'kings']").min_sites, 2);
  EXPECT_EQ(read("[federation]\nsites = ['guys', 'kings']\nmin_sites = 1").min_sites, 1);
}

TEST(FederationConfig, RefusesAQuorumThatCanNeverBeReached) {
  const Problem problem = refusal("[federation]\nsites = ['guys', 'kings']\nmin_sites = 3");
  EXPECT_THAT(problem.where, HasSubstr("federation.toml:3:"));
  EXPECT_THAT(problem.what, HasSubstr("can never be reached"));
  EXPECT_EQ(problem.found, "3");
}

TEST(FederationConfig, RefusesNamesThatCannotBeFileNames) {
  for (const char* name : {"Guys", "guy's", "", "../guys", "guys hospital", "gu\\u00fds"}) {
    SCOPED_TRACE(name);
    EXPECT_THAT(refusal("[federation]\nsites = [\"" + std::string(name) + "\"]").what,
                HasSubstr("name"));
  }
  EXPECT_THAT(refusal("[federation]\nsites = ['" + std::string(65, 'a') + "']").expected,
              HasSubstr("1 to 64"));
  EXPECT_THAT(read("[federation]\nsites = ['" + std::string(64, 'a') + "']").sites,
              ElementsAre(std::string(64, 'a')));
}

TEST(FederationConfig, RefusesASiteNamedTwice) {
  EXPECT_THAT(refusal("[federation]\nsites = ['guys', 'guys']").what, HasSubstr("twice"));
}

TEST(FederationConfig, TakesEpochsOrStepsButNotBoth) {
  EXPECT_EQ(read("[training]\nlocal_steps = 7").training.local_epochs, 0);
  EXPECT_EQ(read("[training]\nlocal_epochs = 3").training.local_epochs, 3);
  const Problem problem = refusal("[training]\nlocal_epochs = 3\nlocal_steps = 7");
  EXPECT_THAT(problem.expected, HasSubstr("exactly one"));
  EXPECT_THAT(problem.remedy, HasSubstr("remove one"));
  EXPECT_THAT(problem.where, HasSubstr(":3:"));
  EXPECT_THAT(refusal("[training]\nlocal_steps = 0").found, "0");
}

TEST(FederationConfig, TakesEpsilonOrNoiseButNotBothAndNotNeither) {
  EXPECT_EQ(read("[privacy]\nepsilon = 8\ndelta = 1e-3").privacy->epsilon, 8.0);
  EXPECT_EQ(read("[privacy]\nnoise_multiplier = 1.1\ndelta = 1e-3").privacy->noise_multiplier, 1.1);
  EXPECT_EQ(refusal("[privacy]\nepsilon = 8\nnoise_multiplier = 1\ndelta = 1e-3").found, "both");
  EXPECT_EQ(refusal("[privacy]\ndelta = 1e-3").found, "neither");
}

TEST(FederationConfig, AsksForADeltaBetweenNoneAndCertain) {
  EXPECT_THAT(refusal("[privacy]\nepsilon = 8").what, HasSubstr("'delta' is missing"));
  for (const char* delta : {"0", "1", "0.0", "1.5", "-0.1", "nan", "inf"}) {
    SCOPED_TRACE(delta);
    EXPECT_THAT(refusal("[privacy]\nepsilon = 8\ndelta = " + std::string(delta)).where,
                HasSubstr(":3:"));
  }
}

TEST(FederationConfig, RefusesPrivacyNumbersThatMeanNothing) {
  for (const char* line : {"epsilon = 0", "epsilon = -1", "epsilon = inf", "noise_multiplier = 0",
                           "epsilon = 1\nclip = 0", "epsilon = 1\nsampling_rate = 0",
                           "epsilon = 1\nsampling_rate = 1.01"}) {
    SCOPED_TRACE(line);
    problem_of([&] { read("[privacy]\ndelta = 1e-3\n" + std::string(line)); });
  }
}

TEST(FederationConfig, NamesCropsThatTheNetworkCanHalve) {
  const Problem problem = refusal("[training]\ncrop = [96, 100, 3]");
  EXPECT_THAT(problem.expected, HasSubstr("divisible by 8"));
  EXPECT_EQ(problem.found, "[96, 100, 3]");
  EXPECT_EQ(problem.remedy, "take [96, 104, 8]");
  EXPECT_THAT(read("[training]\ncrop = [96, 104, 8]").training.crop, ElementsAre(96, 104, 8));
  EXPECT_THAT(read("[network]\nname = 'mlp'\n[training]\ncrop = [5, 5, 5]").training.crop,
              ElementsAre(5, 5, 5));
  EXPECT_THAT(refusal("[training]\ncrop = [96, 96]").expected, HasSubstr("three edge lengths"));
  EXPECT_THAT(refusal("[training]\nroi = [9, 8, 8]").remedy, "take [8, 8, 8]");
}

TEST(FederationConfig, RefusesFiltersThatSegresnetCannotGroup) {
  EXPECT_EQ(refusal("[network]\ninit_filters = 12").found, "12");
  EXPECT_EQ(read("[network]\ninit_filters = 16").network.init_filters, 16);
}

TEST(FederationConfig, TrainsAllParametersOrThoseNamed) {
  EXPECT_TRUE(read("[network]\ntrainable = 'all'").network.trainable.empty());
  EXPECT_THAT(read("[network]\ntrainable = ['norm', 'head']").network.trainable,
              ElementsAre("norm", "head"));
  EXPECT_THAT(refusal("[network]\ntrainable = 'norm'").remedy, HasSubstr("[\"norm\"]"));
  EXPECT_THAT(refusal("[network]\ntrainable = []").what, HasSubstr("nothing to train"));
  EXPECT_THAT(refusal("[network]\ntrainable = ['']").what, HasSubstr("every name"));
}

TEST(FederationConfig, RefusesAMisspeltKeyAtEveryDepth) {
  EXPECT_THAT(refusal("[training]\nlerning_rate = 1").what, HasSubstr("lerning_rate"));
  EXPECT_THAT(refusal("[training]\nbatch_sise = 1").remedy, HasSubstr("batch_size"));
  EXPECT_THAT(refusal("[trainig]\nlr = 1").what, HasSubstr("trainig"));
  EXPECT_THAT(refusal("[training]\nloss = { nam = 'dice' }").remedy, HasSubstr("name"));
}

TEST(FederationConfig, LeavesThePluginsOwnKeysToThePlugin) {
  const FederationConfig config = read("[aggregator]\nname = 'trimmed_mean'\ntrim = 0.2");
  EXPECT_EQ(config.aggregator.name, "trimmed_mean");
  EXPECT_THAT(problem_of([&] { config.aggregator.settings.refuse_unknown(); }).found, "trim");
  EXPECT_EQ(config.aggregator.settings.number("trim"), 0.2);
  EXPECT_NO_THROW(config.aggregator.settings.refuse_unknown());
}

TEST(FederationConfig, RefusesASettingOfNoMechanism) {
  EXPECT_THAT(refusal("[mechanism]\nfraction = 0.1").what, HasSubstr("name"));
}

TEST(FederationConfig, TakesPathsRelativeToItsFolder) {
  const Settings settings = Settings::parse(
      "[server]\nsecret = 'keys/s.secret'\n[network]\ninitial = "
      "'/models/a.safetensors'\n[plugins]\npaths = ['../p']",
      "federation.toml");
  const FederationConfig config = FederationConfig::read(settings, "/etc/brain");
  EXPECT_EQ(config.server.secret, "/etc/brain/keys/s.secret");
  EXPECT_EQ(config.server.site_keys, "/etc/brain/sites");
  EXPECT_EQ(config.run.folder, "/etc/brain/runs/federation");
  EXPECT_EQ(config.network.initial, "/models/a.safetensors");
  EXPECT_THAT(config.plugins.paths, ElementsAre(std::filesystem::path("/etc/p")));
}

TEST(FederationConfig, RefusesAPinThatPinsNothing) {
  const std::string hash(64, 'a');
  const auto pin = [](const std::string& name, const std::string& value) {
    return refusal("[plugins.pins]\n'" + name + "' = '" + value + "'");
  };
  EXPECT_THAT(pin("mine.so", "abc").expected, HasSubstr("64"));
  EXPECT_THAT(pin("mine.so", hash + "0").where, HasSubstr(":2:"));
  EXPECT_THAT(pin("folder/mine.so", hash).expected, HasSubstr("without its folder"));
  EXPECT_EQ(read("[plugins.pins]\n'mine.so' = '" + hash + "'").plugins.pins.at("mine.so"), hash);
}

TEST(FederationConfig, RefusesAddressesNobodyCanReach) {
  for (const char* address : {"localhost:7700", "tcp://host", "tcp://:7700", "tcp://host:0",
                              "tcp://host:65536", "tcp://host:77x", "http://host:80"}) {
    SCOPED_TRACE(address);
    EXPECT_THAT(refusal("[server]\naddress = '" + std::string(address) + "'").expected,
                HasSubstr("tcp://HOST:PORT"));
  }
  EXPECT_EQ(read("[server]\naddress = 'tcp://*:65535'").server.address, "tcp://*:65535");
}

TEST(FederationConfig, OfAServerNamesSitesAndAModel) {
  EXPECT_THAT(problem_of([] { read("").require_server(); }).where, HasSubstr("sites"));
  EXPECT_THAT(problem_of([] { read("[federation]\nsites=['guys']").require_server(); }).where,
              HasSubstr("initial"));
  EXPECT_NO_THROW(
      read("[federation]\nsites=['guys']\n[network]\ninitial='i.safetensors'").require_server());
}

// A site reads the tables that a coordinator wrote: nothing may be lost or changed on the way.
TEST(FederationConfig, SurvivesTheWayToASite) {
  const FederationConfig config = read(R"(
    [network]
    init_filters = 16
    dropout = 0.1
    trainable = ["norm"]
    [training]
    optimizer = "sgd"
    lr = 0.1
    lr_schedule = "linear"
    local_steps = 5
    batch_size = 3
    crop = [32, 40, 48]
    roi = [64, 64, 64]
    flip = false
    crop_foreground = 0.25
    loss = { name = "dice_bce", batch = true, smooth_nr = 1 }
    [privacy]
    noise_multiplier = 1.3
    delta = 1e-5
    sampling_rate = 0.125
  )");
  const auto travelled = [](const Settings& table) {
    return Settings::parse(table.to_toml(), "task from the coordinator");
  };
  EXPECT_EQ(NetworkConfig::read(travelled(config.network.to_settings())), config.network);
  EXPECT_EQ(TrainingConfig::read(travelled(config.training.to_settings())), config.training);
  EXPECT_EQ(PrivacyConfig::read(travelled(config.privacy->to_settings())), config.privacy);
  EXPECT_EQ(TrainingConfig::read(travelled(TrainingConfig::read(Settings()).to_settings())),
            read("").training);
}

TEST(FederationConfig, IsTheSameTextHoweverItWasWritten) {
  const std::string plain =
      read("[training]\nlr = 0.5\nbatch_size = 1\n[federation]\nrounds = 20").canonical();
  EXPECT_EQ(plain, read("[federation]\n[training]\nlr = 5e-1").canonical());
  EXPECT_NE(plain, read("[training]\nlr = 0.25").canonical());
  EXPECT_EQ(plain,
            read("[training]\nlr = 0.5\n[server]\naddress = 'tcp://*:1'\n[run]\nfolder = 'x'")
                .canonical());
  EXPECT_NE(plain, read("[training]\nlr = 0.5\n[aggregator]\nname = 'median'").canonical());
}

TEST(TrainingConfig, CountsStepsByEpochsOrByNumber) {
  TrainingConfig config;
  config.local_epochs = 2;
  config.batch_size = 4;
  EXPECT_EQ(config.steps_for(8), 4);
  EXPECT_EQ(config.steps_for(9), 6);
  EXPECT_EQ(config.steps_for(1), 2);
  config.local_steps = 7;
  EXPECT_EQ(config.steps_for(9), 7);
}

TEST(TrainingConfig, LetsTheRateFallToNothingBehindTheLastRound) {
  TrainingConfig config;
  config.lr = 1.0;
  EXPECT_EQ(config.lr_in(20, 20), 1.0);
  config.lr_schedule = "linear";
  EXPECT_EQ(config.lr_in(1, 20), 1.0);
  EXPECT_EQ(config.lr_in(11, 20), 1.0);
  EXPECT_DOUBLE_EQ(config.lr_in(12, 20), 0.9);
  EXPECT_DOUBLE_EQ(config.lr_in(20, 20), 0.1);
  EXPECT_EQ(config.lr_in(1, 1), 1.0);
}

TEST(PrivacyConfig, TakesTheRateFromPublicCounts) {
  PrivacyConfig config;
  EXPECT_DOUBLE_EQ(config.rate(2, 50), 0.04);
  EXPECT_DOUBLE_EQ(config.rate(50, 50), 1.0);
  EXPECT_THROW(config.rate(51, 50), ConfigError);
  config.sampling_rate = 0.5;
  EXPECT_DOUBLE_EQ(config.rate(51, 50), 0.5);
}

}  // namespace
}  // namespace collegium
