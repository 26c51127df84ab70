// Message bodies come from peers: whatever the bytes, parsing ends in a table or in a ConfigError.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "collegium/error.h"
#include "collegium/settings.h"

namespace collegium {
namespace {

using testing::HasSubstr;

std::string repeat(std::string_view piece, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += piece;
  return text;
}

Problem refusal(std::string_view toml) {
  try {
    Settings::parse(toml, "body");
  } catch (const ConfigError& error) {
    return error.problem();
  }
  return {.what = "nothing was refused"};
}

TEST(HostileSettings, NestsToThirtyTwoAndNoFurther) {
  EXPECT_NO_THROW(Settings::parse("a = " + repeat("[", 32) + repeat("]", 32), "body"));
  EXPECT_THAT(refusal("a = " + repeat("[", 33) + repeat("]", 33)).what,
              HasSubstr("nested too deeply"));
  EXPECT_NO_THROW(Settings::parse(repeat("a.", 32) + "a = 1", "body"));
  EXPECT_THAT(refusal(repeat("a.", 33) + "a = 1").what, HasSubstr("nested too deeply"));
  EXPECT_THAT(refusal("[" + repeat("a.", 16) + "a]\n" + repeat("b.", 16) + "b = 1").what,
              HasSubstr("nested too deeply"));
  EXPECT_THAT(refusal("a = " + repeat("{a=[", 17) + repeat("]}", 17)).what,
              HasSubstr("nested too deeply"));
}

TEST(HostileSettings, SurvivesNestingThatWouldOverflowTheStack) {
  for (const char* piece : {"[", "{a=", "[[", "a.", "\"a\".", "'a'.", "{a.", "[{a="}) {
    for (const char* start : {"", "a = ", "[", "[["}) {
      EXPECT_THROW(Settings::parse(start + repeat(piece, 200000), "body"), ConfigError)
          << start << piece;
    }
  }
}

TEST(HostileSettings, SaysWhereTheNestingIs) {
  EXPECT_EQ(refusal("a = 1\nb = " + repeat("[", 40)).where, "body:2:37");
}

TEST(HostileSettings, LettersOfOtherLanguagesBelongInTexts) {
  // One of each range that toml++ tells white space by, for the undefined-behaviour sanitizer.
  for (const char* letter :
       {"\u00e4", "\u0135", "\u03a9", "\u17ff", "\u2100", "\u2fff", "\ufefe"}) {
    EXPECT_EQ(Settings::parse("a = '" + std::string(letter) + "'", "body").text("a"), letter);
    EXPECT_THAT(refusal("a = [1, " + std::string(letter)).where, HasSubstr("body:1")) << letter;
    EXPECT_THAT(refusal(std::string(letter) + " = 1").where, HasSubstr("body:1")) << letter;
  }
}

TEST(HostileSettings, CountsNoBracketsInsideTextsAndComments) {
  const std::string brackets = repeat("[{.", 100);
  EXPECT_NO_THROW(
      Settings::parse("# " + brackets + "\na = \"" + brackets + "\\\"" + brackets + "\"", "body"));
  EXPECT_NO_THROW(Settings::parse("a = '" + brackets + "\\'\nb = 'c'", "body"));
  EXPECT_NO_THROW(
      Settings::parse("a = \"\"\"" + brackets + "\"\"\n" + brackets + "\"\"\"\"\"\nb = 1", "body"));
  EXPECT_NO_THROW(
      Settings::parse("a = '''" + brackets + "''\n" + brackets + "'''''\nb = 1", "body"));
  EXPECT_NO_THROW(Settings::parse("\"" + brackets + "\" = 1", "body"));
}

TEST(HostileSettings, RefusesDuplicatesWithTheirPosition) {
  EXPECT_EQ(refusal("a = 1\na = 2\n").where.substr(0, 7), "body:2:");
  EXPECT_NE(refusal("[a]\n[a]\n").what, "nothing was refused");
  EXPECT_NE(refusal("a = 1\n[a]\nb = 1\n").what, "nothing was refused");
}

TEST(HostileSettings, RefusesNumbersThatDoNotFit) {
  EXPECT_NE(refusal("a = 9223372036854775808").what, "nothing was refused");
  EXPECT_NE(refusal("a = -9223372036854775809").what, "nothing was refused");
  EXPECT_NE(refusal("a = " + repeat("9", 60000)).what, "nothing was refused");
  EXPECT_NE(refusal("a = 0x" + repeat("F", 17)).what, "nothing was refused");
}

TEST(HostileSettings, RefusesWhatIsNotUtf8) {
  EXPECT_NE(refusal("a = \"\xff\"").what, "nothing was refused");
  EXPECT_NE(refusal("a = \"\xed\xa0\x80\"").what, "nothing was refused");  // a surrogate
  EXPECT_NE(refusal("a = \"\xc0\x80\"").what, "nothing was refused");      // an overlong zero
  EXPECT_NE(refusal("a = \"cut \xe2\x82").what, "nothing was refused");
  EXPECT_NE(refusal(std::string_view("a = \"\0\"", 7)).what, "nothing was refused");
}

TEST(HostileSettings, EndsForEveryTruncationAndMutationOfABody) {
  const std::string body =
      "round = 3\nseed = \"12\"\nlist = [1, 2.5e-3, \"x\"]\nwhen = 1979-05-27T07:32:00.999-07:00\n"
      "text = \"\"\"a\n\\u00e9\"\"\"\n[model]\ndigest = 'ab'\nsize = 0x1F\n[[m]]\nv = {a = 1, b.c "
      "= inf}\n";
  ASSERT_NO_THROW(Settings::parse(body, "body"));
  const auto attempt = [](const std::string& text) {
    try {
      const Settings settings = Settings::parse(text, "body");
      const std::string printed = settings.to_toml();
      EXPECT_EQ(Settings::parse(printed, "again").to_toml(), printed);
    } catch (const ConfigError&) {
    }
  };
  for (std::size_t size = 0; size <= body.size(); ++size) attempt(body.substr(0, size));
  std::mt19937_64 random(3);
  const std::string_view favourites = "[]{}.=,\"'\\#\n \r\t-+_eEuUxob0:TZ\xff\xc3";
  for (int i = 0; i < 20000; ++i) {
    std::string text = body;
    for (auto left = 1 + random() % 4; left > 0; --left) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text[at] = favourites[random() % favourites.size()];
          break;
        case 2:
          text.insert(at, 1, favourites[random() % favourites.size()]);
          break;
        default:
          text.erase(at, 1 + random() % 5);
          break;
      }
    }
    attempt(text);
  }
}

}  // namespace
}  // namespace collegium
