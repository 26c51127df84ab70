#include "config/site_config.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "support/expect_problem.h"
#include "support/temporary_folder.h"

namespace collegium {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kLeast = "[site]\nname = 'guys'\n[data]\npath = 'brats'\n";

SiteConfig read(const std::string& toml, const std::string& folder = {}) {
  return SiteConfig::read(Settings::parse(toml, "site.toml"), folder);
}

TEST(SiteConfig, TakesItsNameForWhatIsNotStated) {
  const SiteConfig config = read(kLeast, "/srv");
  EXPECT_EQ(config.secret, "/srv/guys.secret");
  EXPECT_EQ(config.server_key, "/srv/server.public");
  EXPECT_EQ(config.state, "/srv/site-state");
  EXPECT_EQ(config.data.id, "guys");
  EXPECT_EQ(config.data.path, "/srv/brats");
  EXPECT_EQ(config.data.labels, "brats2018");
  EXPECT_FALSE(config.policy.privacy.has_value());
  EXPECT_FALSE(config.insecure);
}

TEST(SiteConfig, AsksForANameAndForData) {
  EXPECT_THAT(problem_of([] { read("[data]\npath = 'x'"); }).what, HasSubstr("name"));
  const TemporaryFolder folder;
  std::ofstream(folder / "site.toml") << "[site]\nname = 'guys'\n[data]\n";
  const Problem problem = problem_of([&] { SiteConfig::load(folder / "site.toml"); });
  EXPECT_THAT(problem.what, HasSubstr("path"));
  EXPECT_THAT(problem.where, HasSubstr("site.toml:3:1"));
  EXPECT_TRUE(read("[site]\nname = 'guys'").data.path.empty());  // they are handed over in memory
}

TEST(SiteConfig, PinsPluginsAndMayInsistOnIt) {
  const std::string hash(64, 'a');
  const SiteConfig config = read(kLeast + "[plugins]\npins = { 'mine.so' = '" + hash +
                                 "' }\n[policy]\npinned_plugins = true");
  EXPECT_THAT(config.plugins.pins, ElementsAre(testing::Pair("mine.so", hash)));
  EXPECT_TRUE(config.policy.pinned_plugins);
  EXPECT_FALSE(read(kLeast).policy.pinned_plugins);
}

TEST(SiteConfig, TakesTheLabelsOfItsFormat) {
  EXPECT_EQ(read("[site]\nname = 'guys'\n[data]\npath = 'd'\nformat = 'msd'").data.labels, "msd");
  EXPECT_EQ(read("[site]\nname = 'guys'\n[data]\npath = 'd'\nlabels = 'brats2023'").data.labels,
            "brats2023");
  EXPECT_THAT(problem_of([] { read(kLeast + "labels = 'brats2017'"); }).remedy,
              HasSubstr("brats2018"));
}

TEST(SiteConfig, HoldsTheBudgetOfAWholeLife) {
  const SiteConfig config =
      read(kLeast +
           "n_public = 40\n[policy]\nprivacy = { epsilon = 8.0, delta = 1e-3 }\n"
           "models = ['segresnet']\nmax_rounds = 100");
  ASSERT_TRUE(config.policy.privacy.has_value());
  EXPECT_EQ(config.policy.privacy->epsilon, 8.0);
  EXPECT_EQ(config.policy.privacy->delta, 1e-3);
  EXPECT_EQ(config.policy.max_rounds, 100);
  EXPECT_THAT(config.policy.models, ElementsAre("segresnet"));
}

TEST(SiteConfig, AsksForAPublicCountWherePrivacyIsKept) {
  const Problem problem =
      problem_of([] { read(kLeast + "[policy]\nprivacy = { epsilon = 8, delta = 1e-3 }"); });
  EXPECT_THAT(problem.what, HasSubstr("n_public"));
  EXPECT_THAT(problem.remedy, HasSubstr("rounded down"));
}

TEST(SiteConfig, RefusesABudgetWithoutNumbers) {
  EXPECT_THAT(problem_of([] { read(kLeast + "[policy]\nprivacy = { delta = 1e-3 }"); }).what,
              HasSubstr("epsilon"));
  EXPECT_THAT(problem_of([] { read(kLeast + "[policy]\nprivacy = { epsilon = 1 }"); }).what,
              HasSubstr("delta"));
  EXPECT_THAT(
      problem_of([] { read(kLeast + "[policy]\nprivacy = { epsilon = 0, delta = 1e-3 }"); }).found,
      "0");
  EXPECT_THAT(
      problem_of([] { read(kLeast + "[policy]\nprivacy = { epsilon = 1, delta = 1 }"); }).found,
      "1");
}

TEST(SiteConfig, RefusesAMisspeltPolicyInsteadOfIgnoringIt) {
  const Problem problem =
      problem_of([] { read(kLeast + "[policy]\nprivasy = { epsilon = 1, delta = 1e-3 }"); });
  EXPECT_THAT(problem.remedy, HasSubstr("privacy"));
  EXPECT_THAT(problem.where, HasSubstr("site.toml:6:"));
}

TEST(SiteConfig, RefusesImpossibleResources) {
  EXPECT_THAT(problem_of([] { read(kLeast + "[resources]\nthreads = 0"); }).found, "0");
  EXPECT_THAT(problem_of([] { read(kLeast + "[resources]\ndevice = 'tpu'"); }).expected,
              HasSubstr("cuda"));
}

}  // namespace
}  // namespace collegium
