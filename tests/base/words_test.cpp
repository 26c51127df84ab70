#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "base/names.h"

namespace collegium {
namespace {

using testing::HasSubstr;

TEST(NearestName, ForgivesSlipsOfTheFingers) {
  const std::vector<std::string> known{"batch_size", "lr", "moments", "weighting"};
  EXPECT_EQ(nearest_name("batchsize", known), "batch_size");
  EXPECT_EQ(nearest_name("bacth_size", known), "batch_size");
  EXPECT_EQ(nearest_name("moment", known), "moments");
  EXPECT_EQ(nearest_name("lrr", known), "lr");
}

TEST(NearestName, OffersNothingThatIsNotNear) {
  const std::vector<std::string> known{"batch_size", "lr"};
  EXPECT_EQ(nearest_name("dropout", known), "");
  EXPECT_EQ(nearest_name("xy", known), "");  // two letters, both wrong
  EXPECT_EQ(nearest_name("", known), "");
  EXPECT_EQ(nearest_name(std::string(100000, 'a'), known), "");
  EXPECT_EQ(nearest_name("a", {}), "");
}

TEST(LogLine, ShowsNoControlCharactersThatAPeerSent) {
  EXPECT_EQ(log_line(Level::warning, "site \x1b[2Jguys\r"), "warning site ?[2Jguys?");
  EXPECT_EQ(log_line(Level::error, "what\n  expected: x"), "error what\n      expected: x");
}

TEST(LogToStderr, WritesOneLineAndLeavesOutWhatIsBelowItsLevel) {
  testing::internal::CaptureStderr();
  const LogSink log = log_to_stderr(Level::info);
  log(Level::debug, "unseen");
  log(Level::info, "seen");
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_THAT(text, testing::MatchesRegex("..:..:.*info seen\n"));
}

}  // namespace
}  // namespace collegium
