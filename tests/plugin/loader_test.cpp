#include "plugin/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "collegium/error.h"
#include "plugin/fixture.h"
#include "support/temporary_folder.h"

namespace collegium {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

Problem refusal(const std::string& path, std::string_view pin = {}) {
  Registry registry;
  try {
    load_plugin(registry, path, pin);
  } catch (const PluginError& error) {
    EXPECT_EQ(registry.listings().size(), 1u) << path;
    return error.problem();
  }
  ADD_FAILURE() << path << " was loaded";
  return {};
}

TEST(Loader, LoadsAPluginAndSaysWhatItOffers) {
  Registry registry;
  const PluginListing listing = load_plugin(registry, fixture("good"));
  EXPECT_EQ(listing.name, "fixture");
  EXPECT_EQ(listing.version, "1.2.3");
  EXPECT_EQ(listing.hash, to_hex(hash_bytes(read_file(fixture("good")))));
  ASSERT_EQ(listing.offers.size(), 1u);
  EXPECT_EQ(listing.offers[0].kind, "aggregator");
  EXPECT_EQ(listing.offers[0].name, "first");
  EXPECT_EQ(listing.refused_reason, "");
}

// The system's loader knows libraries by name, and ours is the number of a descriptor: it must not
// be used twice.
TEST(Loader, TellsLibrariesApartThatAreLoadedOneAfterTheOther) {
  Registry registry;
  load_plugin(registry, fixture("good"));
  load_plugin(registry, fixture("second"));
  EXPECT_THAT(registry.aggregators(), ElementsAre("first", "second", "weighted_mean"));
}

TEST(Loader, TakesTheSameBytesOnceWhateverTheirPath) {
  const TemporaryFolder folder(TemporaryFolder::Place::disk);
  const std::string copy = folder.write("copy.so", bytes_of(fixture("good")));
  Registry registry;
  const PluginListing first = load_plugin(registry, fixture("good"));
  EXPECT_EQ(load_plugin(registry, copy).file, first.file);
  EXPECT_EQ(registry.listings().size(), 2u);
}

TEST(Loader, SaysWhatAPluginBuiltForSomethingElseWasBuiltFor) {
  EXPECT_THAT(refusal(fixture("wrong_magic")).found, "1");
  EXPECT_THAT(refusal(fixture("wrong_size")).found, "8 bytes");
  const Problem interface = refusal(fixture("wrong_interface"));
  EXPECT_EQ(interface.expected, "plugin interface " + std::to_string(kPluginInterface));
  EXPECT_EQ(interface.found, "interface 999");
  EXPECT_THAT(interface.remedy, HasSubstr("rebuild"));
  EXPECT_THAT(interface.where, HasSubstr("wrong_interface.so"));
  EXPECT_EQ(refusal(fixture("wrong_toolchain")).found, "'libstdc++ of another age'");
}

TEST(Loader, RefusesIncompleteInformation) {
  EXPECT_THAT(refusal(fixture("no_symbol")).expected, HasSubstr("collegium_plugin_info"));
  for (const char* broken :
       {"no_toolchain", "no_name", "no_version", "no_register", "no_info", "info_throws"}) {
    const Problem problem = refusal(fixture(broken));
    EXPECT_THAT(problem.where, HasSubstr(broken));
    EXPECT_NE(problem.expected, "");
  }
}

TEST(Loader, RefusesWhatIsNoLibrary) {
  const TemporaryFolder folder(TemporaryFolder::Place::disk);
  EXPECT_THAT(refusal(folder.write("text.so", "#include <vector>\n")).what,
              HasSubstr("not a shared library"));
  EXPECT_THAT(refusal(folder.write("empty.so", "")).what, HasSubstr("not a shared library"));
  EXPECT_THAT(refusal(folder / "none.so").what,
              AllOf(HasSubstr("cannot open"), HasSubstr("No such file")));
  EXPECT_THAT(refusal(folder.path().string()).what, HasSubstr("not a plugin file"));
  EXPECT_THAT(refusal("/dev/null").what, HasSubstr("not a plugin file"));
}

TEST(Loader, RefusesAProgramAndAnotherProcessorsLibrary) {
  const TemporaryFolder folder(TemporaryFolder::Place::disk);
  std::string bytes = bytes_of(fixture("good"));
  bytes[16] = 2;  // e_type: executable
  EXPECT_THAT(refusal(folder.write("program.so", bytes)).found, "ELF type 2");
  bytes[16] = 3;
  bytes[18] = 8;  // e_machine: MIPS
  EXPECT_THAT(refusal(folder.write("mips.so", bytes)).what, HasSubstr("another processor"));
}

// Handed to the system's loader, most of these would end the process with SIGBUS.
TEST(Loader, RefusesEveryTruncationOfALibrary) {
  const TemporaryFolder folder(TemporaryFolder::Place::disk);
  const std::string whole = bytes_of(fixture("good"));
  for (std::size_t size = 1; size < whole.size(); size += 1 + whole.size() / 40) {
    refusal(folder.write("cut" + std::to_string(size) + ".so", whole.substr(0, size)));
  }
  refusal(folder.write("cut_by_one.so", whole.substr(0, whole.size() - 1)));
}

TEST(Loader, LoadsAPinnedFileOnlyIfItIsTheOne) {
  const std::string hash = to_hex(hash_bytes(read_file(fixture("good"))));
  Registry registry;
  EXPECT_NO_THROW(load_plugin(registry, fixture("good"), hash));
  const Problem problem = refusal(fixture("second"), hash);
  EXPECT_THAT(problem.expected, HasSubstr(hash));
  EXPECT_EQ(problem.found, to_hex(hash_bytes(read_file(fixture("second")))));
  refusal(fixture("good"), "no hash at all");
}

TEST(Loader, HoldsPluginsAndTheCoreToOneTypeOfError) {
  Registry registry;
  load_plugin(registry, fixture("good"));
  Settings settings;
  settings.set("factor", -1.0);
  EXPECT_THROW(registry.make_aggregator("first", settings),
               ConfigError);  // thrown inside the library
}

}  // namespace
}  // namespace collegium
