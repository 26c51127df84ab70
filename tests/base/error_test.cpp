#include "collegium/error.h"

#include <gtest/gtest.h>

namespace collegium {
namespace {

TEST(Error, SaysWhereWhatExpectedFoundAndRemedyInThatOrder) {
  const ConfigError error({.what = "unknown key 'lerning_rate'",
                           .where = "federation.toml:12:3",
                           .expected = "one of batch_size, lr",
                           .found = "lerning_rate",
                           .remedy = "did you mean 'lr'?"});
  EXPECT_STREQ(error.what(),
               "federation.toml:12:3: unknown key 'lerning_rate'\n"
               "  expected: one of batch_size, lr\n"
               "  found:    lerning_rate\n"
               "  remedy:   did you mean 'lr'?");
}

TEST(Error, LeavesOutWhatIsNotKnown) {
  EXPECT_STREQ(Error({.what = "disk full"}).what(), "disk full");
}

}  // namespace
}  // namespace collegium
