// What a site refuses by its own [policy], whatever the coordinator says of the cost.
#include "runtime/site_policy.h"

#include <gmock/gmock.h>

#include "config/federation_config.h"
#include "federation/secure_terms.h"

namespace collegium {
namespace {

using testing::HasSubstr;

// The body of a task as a coordinator with this configuration would send it.
Settings task(const std::string& privacy, int rounds = 10, int local_steps = 5) {
  const auto config = FederationConfig::read(Settings::parse(
      "[training]\nlocal_steps = " + std::to_string(local_steps) + "\nbatch_size = 4\n" + privacy,
      "federation.toml"));
  Settings body;
  body.set("rounds", rounds);
  body.set("network", config.network.to_settings());
  body.set("training", config.training.to_settings());
  if (config.privacy) body.set("privacy", config.privacy->to_settings());
  return body;
}

PolicyConfig policy(const std::string& toml) {
  return PolicyConfig::read(Settings::parse(toml, "site.toml"));
}

std::string refusal(const PolicyConfig& policy, const Settings& task, std::int64_t n_public = 40) {
  const auto found = make_policy(policy, n_public)(task);
  return found ? found->rule + ": " + found->text : "allowed";
}

const char* kPatients = "[privacy]\nepsilon = 3\ndelta = 1e-3";

TEST(SitePolicy, WantsPrivacyWhereItStatesABudget) {
  EXPECT_THAT(refusal(policy(kPatients), task("")), HasSubstr("asks for none"));
  EXPECT_EQ(refusal(policy(""), task("")), "allowed");
}

TEST(SitePolicy, TakesARunThatStatesItsEpsilonWithinTheBudget) {
  EXPECT_EQ(refusal(policy(kPatients), task("[privacy]\nepsilon = 2.9\ndelta = 1e-3")), "allowed");
  EXPECT_THAT(refusal(policy(kPatients), task("[privacy]\nepsilon = 3.1\ndelta = 1e-3")),
              HasSubstr("at most 3"));
  EXPECT_THAT(refusal(policy(kPatients), task("[privacy]\nepsilon = 2\ndelta = 2e-3")),
              HasSubstr("delta"));
}

// sampled_gaussian: rate 0.1, 50 steps. z = 0.5 costs far more than 3, z = 20 far less.
TEST(SitePolicy, ComputesWhatARunCostsThatStatesItsNoise) {
  EXPECT_THAT(refusal(policy(kPatients), task("[privacy]\nnoise_multiplier = 0.5\ndelta = 1e-3")),
              HasSubstr("noise costs too much"));
  EXPECT_EQ(refusal(policy(kPatients), task("[privacy]\nnoise_multiplier = 20\ndelta = 1e-3")),
            "allowed");
  // Enough for one round and not for ten thousand.
  const std::string noise = "[privacy]\nnoise_multiplier = 2\ndelta = 1e-3";
  EXPECT_EQ(refusal(policy(kPatients), task(noise, 1)), "allowed");
  EXPECT_THAT(refusal(policy(kPatients), task(noise, 10000)), HasSubstr("noise costs too much"));
}

TEST(SitePolicy, HoldsToTheUnitAndToWhoAddsTheNoise) {
  const std::string central =
      "[privacy]\nunit = 'site'\nwhere = 'coordinator'\nepsilon = 2\ndelta = 1e-3";
  const std::string local = "[privacy]\nunit = 'site'\nepsilon = 2\ndelta = 1e-3";
  EXPECT_THAT(refusal(policy(kPatients), task(local)), HasSubstr("unit"));
  const PolicyConfig own = policy("[privacy]\nunit = 'site'\nepsilon = 3\ndelta = 1e-3");
  EXPECT_EQ(refusal(own, task(local)), "allowed");
  EXPECT_THAT(refusal(own, task(central)), HasSubstr("not taken on trust"));
  const PolicyConfig trusting =
      policy("[privacy]\nunit = 'site'\nwhere = 'coordinator'\nepsilon = 3\ndelta = 1e-3");
  EXPECT_EQ(refusal(trusting, task(central)), "allowed");
  EXPECT_EQ(refusal(trusting, task(local)), "allowed");
}

// Five sites, four of them in a sum: one in league with the coordinator is the usual number.
TEST(SitePolicy, TakesNoiseOfTheSumOnlyWhereItSaysSo) {
  const auto sums = [](const std::string& more) {
    Settings body =
        task("[privacy]\nunit = 'site'\nwhere = 'sum'\nepsilon = 2\ndelta = 1e-3\n" + more);
    body.set("secure_aggregation",
             SecureTerms{.sites = {"a", "b", "c", "d", "e"}, .threshold = 4, .minimum = 4}.write());
    return body;
  };
  const std::string floor = "epsilon = 3\ndelta = 1e-3\n";
  const PolicyConfig own = policy("[privacy]\nunit = 'site'\n" + floor);
  EXPECT_THAT(refusal(own, sums("")), HasSubstr("noise of the other sites"));
  const PolicyConfig one = policy("[privacy]\nunit = 'site'\nwhere = 'sum'\n" + floor);
  EXPECT_EQ(refusal(one, sums("")), "allowed");
  EXPECT_THAT(refusal(one, sums("colluding = 0")), HasSubstr("in league"));
  const PolicyConfig two =
      policy("[privacy]\nunit = 'site'\nwhere = 'sum'\ncolluding = 2\n" + floor);
  EXPECT_THAT(refusal(two, sums("")), HasSubstr("in league"));
  EXPECT_EQ(refusal(two, sums("colluding = 2")), "allowed");
  EXPECT_THAT(refusal(one, sums("colluding = 3")), HasSubstr("colluding"))
      << "so many could break the sum itself";
  const std::string central =
      "[privacy]\nunit = 'site'\nwhere = 'coordinator'\nepsilon = 2\ndelta = 1e-3";
  EXPECT_THAT(refusal(one, task(central)), HasSubstr("not taken on trust"));
}

TEST(SitePolicy, RefusesATableThatCannotBeKeptHere) {
  const std::string fine = "[privacy]\nepsilon = 2\ndelta = 1e-3";
  EXPECT_EQ(refusal(policy(""), task(fine), 40), "allowed");
  EXPECT_THAT(refusal(policy(""), task(fine), 1000), HasSubstr("delta"));
  EXPECT_THAT(refusal(policy(""), task(fine), 0), HasSubstr("n_public"));
  Settings broken = task(fine);
  Settings table;
  table.set("epsilon", 1.0);
  broken.set("privacy", table);
  EXPECT_THAT(refusal(policy(""), broken), HasSubstr("delta")) << "and the site goes on";
}

TEST(SitePolicy, LooksAtEveryTaskAnew) {
  const PolicyCheck check = make_policy(policy(kPatients), 40);
  EXPECT_FALSE(check(task("[privacy]\nepsilon = 2\ndelta = 1e-3")).has_value());
  EXPECT_TRUE(check(task("[privacy]\nepsilon = 9\ndelta = 1e-3")).has_value());
  EXPECT_TRUE(check(task("")).has_value());
}

TEST(SitePolicy, NamesNetworksAndRounds) {
  EXPECT_THAT(refusal(policy("models = ['unet']"), task("")), HasSubstr("segresnet"));
  EXPECT_THAT(refusal(policy("max_rounds = 5"), task("", 6)), HasSubstr("at most 5"));
}

}  // namespace
}  // namespace collegium
