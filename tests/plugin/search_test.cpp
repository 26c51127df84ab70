#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/file.h"
#include "base/hash.h"
#include "collegium/error.h"
#include "plugin/fixture.h"
#include "plugin/loader.h"
#include "support/expect_problem.h"
#include "support/places.h"
#include "support/temporary_folder.h"

namespace collegium {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

// Each test sets its own search path and leaves none behind.
class Search : public testing::Test {
 protected:
  void SetUp() override { ::unsetenv("COLLEGIUM_PLUGIN_PATH"); }
  void TearDown() override { ::unsetenv("COLLEGIUM_PLUGIN_PATH"); }
  std::vector<PluginListing> search(std::vector<std::string> paths) {
    return load_plugins(registry, {.paths = std::move(paths),
                                   .pins = pins,
                                   .pinned_only = pinned_only,
                                   .environment = true,
                                   .package = false});
  }
  Registry registry;
  std::map<std::string, std::string> pins;
  bool pinned_only = false;
};

TEST_F(Search, LoadsFilesThatTheConfigurationNames) {
  search({fixture("good"), fixture("second")});
  EXPECT_THAT(registry.aggregators(), ElementsAre("first", "second", "weighted_mean"));
}

TEST_F(Search, StopsAtANamedFileThatFails) {
  EXPECT_THROW(search({fixture("wrong_magic")}), PluginError);
  EXPECT_THROW(search({fixture("does_not_exist")}), PluginError);
}

TEST_F(Search, ListsWhatAFolderHoldsWithTheReasonsOfTheRefused) {
  const TemporaryFolder folder(TemporaryFolder::Place::disk);
  folder.write("a_good.so", bytes_of(fixture("good")));
  folder.write("b_broken.so", "nonsense");
  folder.write("c_same_name.so", bytes_of(fixture("same_name")));
  folder.write("notes.txt", "not looked at");
  const std::vector<PluginListing> found = search({folder.path().string()});
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].refused_reason, "");
  EXPECT_THAT(found[1].refused_reason, HasSubstr("not a shared library"));
  EXPECT_THAT(found[2].refused_reason, HasSubstr("already taken"));
  EXPECT_THAT(found[2].refused_reason, HasSubstr("a_good.so"));
  EXPECT_THAT(registry.aggregators(), Contains("first"));
}

TEST_F(Search, ReadsFilesAndFoldersFromTheEnvironment) {
  const TemporaryFolder folder(TemporaryFolder::Place::disk);
  folder.write("good.so", bytes_of(fixture("good")));
  ::setenv("COLLEGIUM_PLUGIN_PATH",
           (":" + folder.path().string() + "::" + fixture("second") + ":").c_str(), 1);
  EXPECT_EQ(search({}).size(), 2u);
  EXPECT_THAT(registry.aggregators(), ElementsAre("first", "second", "weighted_mean"));
  ::setenv("COLLEGIUM_PLUGIN_PATH", "/nonexistent/folder", 1);
  EXPECT_THROW(search({}), PluginError);
}

TEST_F(Search, ListsAFileOnceHoweverOftenItIsFound) {
  ::setenv("COLLEGIUM_PLUGIN_PATH", fixture("good").c_str(), 1);
  EXPECT_EQ(search({fixture("good")}).size(), 1u);
  EXPECT_EQ(search({fixture("good")}).size(), 1u);
}

TEST_F(Search, HoldsFilesToTheirPins) {
  pins["good.so"] = std::string(64, '0');
  EXPECT_THROW(search({fixture("good")}), PluginError);
  const TemporaryFolder folder(TemporaryFolder::Place::disk);
  folder.write("good.so", bytes_of(fixture("good")));
  EXPECT_THROW(search({folder.path().string()}),
               PluginError);  // a scanned folder makes it no better
  pins["good.so"] = to_hex(hash_bytes(read_file(fixture("good"))));
  EXPECT_EQ(search({folder.path().string()}).size(), 1u);
}

TEST_F(Search, RefusesAPinOfNoFile) {
  pins["god.so"] = std::string(64, '0');
  const Problem problem = problem_of([&] { search({fixture("good")}); });
  EXPECT_THAT(problem.what, HasSubstr("god.so"));
  EXPECT_THAT(problem.found, HasSubstr("good.so"));
}

TEST_F(Search, LoadsNothingUnpinnedWhereOnlyPinnedIsWanted) {
  pinned_only = true;
  EXPECT_THAT(problem_of([&] { search({fixture("good")}); }).what, HasSubstr("not pinned"));
  const TemporaryFolder folder(TemporaryFolder::Place::disk);
  folder.write("good.so", bytes_of(fixture("good")));
  folder.write("second.so", bytes_of(fixture("second")));
  pins["good.so"] = to_hex(hash_bytes(read_file(fixture("good"))));
  const auto found = search({folder.path().string()});
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].refused_reason, "");
  EXPECT_THAT(found[1].refused_reason, HasSubstr("not pinned"));
  EXPECT_THAT(registry.aggregators(), ElementsAre("first", "weighted_mean"));
}

TEST_F(Search, CountsWhatTheProcessHadLoadedBeforePinsWereWanted) {
  search({fixture("good")});
  pinned_only = true;
  EXPECT_THAT(problem_of([&] { search({}); }).where, HasSubstr("good.so"));
}

TEST_F(Search, FindsThePackagesOwnFolderBesideTheCoreLibrary) {
  EXPECT_THAT(package_plugin_folders(),
              Contains(std::filesystem::canonical(plugin_folder()).string()));
  load_plugins(
      registry,
      {.paths = {}, .pins = {}, .pinned_only = false, .environment = false, .package = true});
  EXPECT_THAT(registry.aggregators(), Contains("coordinate_median"));
  EXPECT_THAT(registry.mechanisms(), ElementsAre("percentile", "sparse_vector"));
}

TEST_F(Search, ScansTheFoldersThatInstalledPackagesAnnounce) {
  const TemporaryFolder folder(TemporaryFolder::Place::disk);
  folder.write("good.so", bytes_of(fixture("good")));
  folder.write("broken.so", "nonsense");
  registry.set_folders({folder.path().string()});
  const auto found = load_plugins(
      registry,
      {.paths = {}, .pins = {}, .pinned_only = false, .environment = false, .package = true});
  EXPECT_THAT(registry.aggregators(), Contains("first"));
  const auto refused = std::find_if(found.begin(), found.end(), [](const PluginListing& listing) {
    return !listing.refused_reason.empty();
  });
  ASSERT_NE(refused, found.end());
  EXPECT_THAT(refused->file, HasSubstr("broken.so"));
}

TEST_F(Search, SaysThatAFileHasChangedSinceItWasLoaded) {
  const TemporaryFolder folder(TemporaryFolder::Place::disk);
  const std::string file = folder.write("mine.so", bytes_of(fixture("good")));
  search({folder.path().string()});
  std::filesystem::remove(file);  // as an installer does; the first one stays mapped
  folder.write("mine.so", bytes_of(fixture("same_name")));
  const auto found = search({folder.path().string()});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_THAT(found[0].refused_reason, HasSubstr("changed since this process loaded it"));
}

}  // namespace
}  // namespace collegium
