#include "plugin/descriptor.h"

#include <gtest/gtest.h>

#include <string>

#include "collegium/error.h"
#include "support/expect_problem.h"

namespace collegium {
namespace {

PluginInfo honest() {
  return {.magic = kPluginMagic,
          .size = sizeof(PluginInfo),
          .interface = kPluginInterface,
          .toolchain = COLLEGIUM_TOOLCHAIN,
          .name = "median",
          .version = "1.2.3",
          .register_plugin = [](Registrar&) {}};
}

TEST(Descriptor, ThatFitsIsTaken) {
  const PluginInfo info = honest();
  EXPECT_NO_THROW(check_descriptor(&info, "median.so"));
}

// What stands in a terminal and in logs does not move the cursor there.
TEST(Descriptor, HasANameAndAVersionThatCanBeShown) {
  const std::string long_name(65, 'a');
  for (const char* word : {"", "med\nian", "\x1b[2Jmedian", "m\xc3\xa9", long_name.c_str()}) {
    PluginInfo info = honest();
    info.name = word;
    EXPECT_THROW(check_descriptor(&info, "median.so"), PluginError) << word;
    info = honest();
    info.version = word;
    EXPECT_THROW(check_descriptor(&info, "median.so"), PluginError) << word;
  }
}

TEST(Descriptor, IsQuotedWithoutWhatCannotBeShown) {
  PluginInfo info = honest();
  info.toolchain = "\x1b[2Jclang";
  const Problem problem = problem_of([&] { check_descriptor(&info, "median.so"); });
  EXPECT_EQ(problem.found, "'?[2Jclang'");
}

}  // namespace
}  // namespace collegium
