#include "collegium/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "collegium/error.h"

namespace collegium {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kFederation = R"(# a comment
rounds = 12
name = "demo"
secure = true

[training]
lr = 1e-4
crop = [96, 96, 64]
sites = ["guys", "st thomas"]

[training.loss]
name = "dice"

[[rule]]
limit = 1
[[rule]]
limit = 2.5
)";

Settings federation() { return Settings::parse(kFederation, "federation.toml"); }

template <class F>
Problem refused(F&& read) {
  try {
    read();
  } catch (const ConfigError& error) {
    return error.problem();
  }
  ADD_FAILURE() << "nothing was refused";
  return {};
}

TEST(Settings, ReadsEveryType) {
  const Settings settings = federation();
  EXPECT_EQ(settings.integer("rounds"), 12);
  EXPECT_EQ(settings.text("name"), "demo");
  EXPECT_TRUE(settings.boolean("secure"));
  const Settings training = settings.table("training");
  EXPECT_EQ(training.number("lr"), 1e-4);
  EXPECT_THAT(training.integers("crop"), ElementsAre(96, 96, 64));
  EXPECT_THAT(training.numbers("crop"), ElementsAre(96.0, 96.0, 64.0));
  EXPECT_THAT(training.texts("sites"), ElementsAre("guys", "st thomas"));
  EXPECT_EQ(training.table("loss").text("name"), "dice");
  ASSERT_EQ(settings.tables("rule").size(), 2u);
  EXPECT_EQ(settings.tables("rule")[0].number("limit"), 1.0);
  EXPECT_EQ(settings.tables("rule")[1].number("limit"), 2.5);
  EXPECT_NO_THROW(settings.refuse_unknown());
}

TEST(Settings, TakesFallbacksForMissingKeysOnly) {
  const Settings settings = federation();
  EXPECT_EQ(settings.integer("seed", 7), 7);
  EXPECT_EQ(settings.integer("rounds", 7), 12);
  EXPECT_TRUE(settings.table("privacy").keys().empty());
  EXPECT_TRUE(settings.tables("no_rules").empty());
  EXPECT_TRUE(settings.texts("nothing").empty());
}

TEST(Settings, NamesTheNearestKeyOfAMisspeltOneAndItsPosition) {
  const Settings settings =
      Settings::parse("[training]\nlr = 1.0\nbatch_sise = 2\n", "federation.toml");
  const Settings training = settings.table("training");
  training.number("lr");
  training.integer("batch_size", 1);
  const Problem problem = refused([&] { settings.refuse_unknown(); });
  EXPECT_EQ(problem.what, "unknown key 'training.batch_sise'");
  EXPECT_EQ(problem.where, "federation.toml:3:1");
  EXPECT_EQ(problem.expected, "one of batch_size, lr");
  EXPECT_EQ(problem.remedy, "did you mean 'batch_size'?");
}

TEST(Settings, LooksForUnknownKeysOnlyInTablesThatWereHandedOut) {
  const Settings settings = Settings::parse("[mechanism]\ngamma = 1.0\n", "f.toml");
  EXPECT_TRUE(settings.contains("mechanism"));
  EXPECT_NO_THROW(settings.refuse_unknown());
  EXPECT_EQ(settings.table("mechanism").number("gamma"), 1.0);
  EXPECT_NO_THROW(settings.refuse_unknown());
  EXPECT_EQ(refused([] {
              const Settings other = Settings::parse("[a]\nb = 1\n", "f.toml");
              other.table("a");
              other.refuse_unknown();
            }).where,
            "f.toml:2:1");
}

TEST(Settings, LeavesATableToItsReaderWhenAskedTo) {
  const Settings settings = Settings::parse("[mechanism]\ngamma = 1.0\n[[x]]\ny = 1\n", "f.toml");
  settings.table("mechanism");
  settings.tables("x");
  settings.accept_all();
  EXPECT_NO_THROW(settings.refuse_unknown());
}

TEST(Settings, SaysWhereWhatWasExpectedAndWhatWasFound) {
  const Settings settings = federation();
  const Problem problem = refused([&] { settings.table("training").integer("lr"); });
  EXPECT_EQ(problem.where, "federation.toml:7:1");
  EXPECT_EQ(problem.expected, "an integer");
  EXPECT_EQ(problem.found, "1e-04");
  EXPECT_THAT(problem.what, HasSubstr("training.lr"));
  EXPECT_EQ(refused([&] { settings.text("rounds"); }).found, "12");
  EXPECT_EQ(refused([&] { settings.integer("training"); }).found, "a table");
  EXPECT_EQ(refused([&] { settings.table("rounds"); }).expected, "a table");
  EXPECT_EQ(refused([&] { settings.table("training").integers("sites"); }).found, "\"guys\"");
}

TEST(Settings, NamesAMissingKeyAndAProbableMisspellingOfIt) {
  const Problem problem =
      refused([] { Settings::parse("roundz = 3\n", "f.toml").integer("rounds"); });
  EXPECT_EQ(problem.what, "'rounds' is missing");
  EXPECT_EQ(problem.remedy, "is 'roundz' a misspelling of 'rounds'?");
}

TEST(Settings, HoldsNumbersToTheirRange) {
  const Settings settings = Settings::parse("a = 5\nb = 0.5\nc = inf\nd = nan\n", "f.toml");
  EXPECT_EQ(settings.integer_in("a", 1, 1, 5), 5);
  EXPECT_EQ(settings.integer_in("missing", 9, 1, 5), 9);
  EXPECT_EQ(refused([&] { settings.integer_in("a", 1, 1, 4); }).expected,
            "an integer between 1 and 4");
  EXPECT_EQ(refused([&] { settings.number_in("b", 1, 0.6, 1); }).expected,
            "a number between 0.6 and 1.0");
  EXPECT_EQ(settings.number_in("c", 1, 0, std::numeric_limits<double>::infinity()),
            std::numeric_limits<double>::infinity());
  EXPECT_THROW(settings.number_in("c", 1, 0, 10), ConfigError);
  EXPECT_THROW(settings.number_in("d", 1, 0, 10), ConfigError);
  EXPECT_THROW(settings.number("c"), ConfigError);
  EXPECT_THROW(settings.number("d"), ConfigError);
}

TEST(Settings, OffersTheNearestOfTheAllowedWords) {
  const Settings settings = Settings::parse("optimizer = \"adamm\"\n", "f.toml");
  const Problem problem = refused([&] { settings.one_of("optimizer", "adam", {"adam", "sgd"}); });
  EXPECT_EQ(problem.expected, "one of adam, sgd");
  EXPECT_EQ(problem.remedy, "did you mean 'adam'?");
}

TEST(Settings, KeepsCopiesApart) {
  Settings first;
  first.set("a", 1);
  Settings second = first;
  second.set("a", 2);
  Settings inner;
  inner.set("x", 1);
  first.set("inner", inner);
  inner.set("x", 2);
  EXPECT_EQ(first.integer("a"), 1);
  EXPECT_EQ(second.integer("a"), 2);
  EXPECT_EQ(first.table("inner").integer("x"), 1);
  first.set("self", first);
  EXPECT_EQ(first.table("self").table("inner").integer("x"), 1);
  EXPECT_FALSE(first.table("self").contains("self"));
}

TEST(Settings, NamesKeysOfBuiltTablesByTheirPath) {
  Settings loss;
  loss.set("name", 3);
  Settings training;
  training.set("loss", loss);
  Settings settings;
  settings.set("training", training);
  EXPECT_EQ(refused([&] { settings.table("training").table("loss").text("name"); }).where,
            "training.loss.name");
}

TEST(Settings, PrintsEqualTablesAsEqualBytes) {
  Settings first, second;
  first.set("b", 1);
  first.set("a", 0.1);
  second.set("a", 0.1);
  second.set("b", 1);
  EXPECT_EQ(first.to_toml(), "a = 0.1\nb = 1\n");
  EXPECT_EQ(first.to_toml(), second.to_toml());
}

TEST(Settings, PrintsPlainValuesBeforeTables) {
  Settings inner;
  inner.set("x", true);
  Settings settings;
  settings.set("a", inner);
  settings.set("empty", Settings());
  settings.set("z", "last");
  EXPECT_EQ(settings.to_toml(), "z = \"last\"\n\n[a]\nx = true\n\n[empty]\n");
}

TEST(Settings, ReadsBackAFileItPrinted) {
  const std::string once = federation().to_toml();
  EXPECT_EQ(Settings::parse(once, "again").to_toml(), once);
}

TEST(Settings, RoundTripsEveryDoubleBitForBit) {
  std::mt19937_64 random(1);
  std::vector<double> values{
      0.0,  -0.0, 1.0,     0.1, 5e-324, -5e-324, 2.2250738585072009e-308, 1.7976931348623157e308,
      1e22, 1e23, 100000.0};
  for (int i = 0; i < 20000; ++i) {
    double value;
    const std::uint64_t bits = random();
    std::memcpy(&value, &bits, sizeof value);
    if (std::isfinite(value)) values.push_back(value);
  }
  Settings settings;
  settings.set("values", values);
  const std::vector<double> back = Settings::parse(settings.to_toml(), "t").numbers("values");
  ASSERT_EQ(back.size(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(std::memcmp(&back[i], &values[i], sizeof(double)), 0) << values[i];
  }
}

TEST(Settings, RoundTripsIntegersAndOddDoubles) {
  Settings settings;
  settings.set("least", std::numeric_limits<std::int64_t>::min());
  settings.set("most", std::numeric_limits<std::int64_t>::max());
  settings.set("inf", std::numeric_limits<double>::infinity());
  settings.set("nan", std::nan(""));
  const std::string text = settings.to_toml();
  const Settings back = Settings::parse(text, "t");
  EXPECT_EQ(back.integer("least"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(back.integer("most"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(back.to_toml(), text);
}

std::string random_text(std::mt19937_64& random) {  // any code points that UTF-8 can carry
  std::string text;
  for (auto left = random() % 12; left > 0; --left) {
    const std::uint32_t ranges[] = {0x80, 0x20, 0x800, 0xd800, 0x110000};
    std::uint32_t point = static_cast<std::uint32_t>(random() % ranges[random() % 5]);
    if (point >= 0xd800 && point < 0xe000) point = '"';
    if (point < 0x80) {
      text += static_cast<char>(point);
    } else if (point < 0x800) {
      text += {static_cast<char>(0xc0 | point >> 6), static_cast<char>(0x80 | (point & 63))};
    } else if (point < 0x10000) {
      text += {static_cast<char>(0xe0 | point >> 12), static_cast<char>(0x80 | (point >> 6 & 63)),
               static_cast<char>(0x80 | (point & 63))};
    } else {
      text += {static_cast<char>(0xf0 | point >> 18), static_cast<char>(0x80 | (point >> 12 & 63)),
               static_cast<char>(0x80 | (point >> 6 & 63)), static_cast<char>(0x80 | (point & 63))};
    }
  }
  return text;
}

Settings random_table(std::mt19937_64& random, int depth) {
  Settings table;
  for (auto left = random() % 5; left > 0; --left) {
    const std::string key = random_text(random);
    switch (random() % (depth > 3 ? 5 : 6)) {
      case 0:
        table.set(key, random_text(random));
        break;
      case 1:
        table.set(key, static_cast<std::int64_t>(random()));
        break;
      case 2:
        table.set(key, static_cast<double>(random()) * 1e-9);
        break;
      case 3:
        table.set(key, std::vector<std::string>{random_text(random), random_text(random)});
        break;
      case 4:
        table.set(key, random() % 2 == 0);
        break;
      default:
        table.set(key, random_table(random, depth + 1));
    }
  }
  return table;
}

TEST(Settings, RoundTripsAnyTableOfAnyTexts) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 500; ++i) {
    const std::string text = random_table(random, 0).to_toml();
    ASSERT_EQ(Settings::parse(text, "t").to_toml(), text);
  }
}

TEST(Settings, ReplacesBytesThatAreNotUtf8InWhatAProgramSets) {
  Settings settings;
  settings.set("a", std::string("ok \xc3\xa9 bad \xff\xc0\x80 \xed\xa0\x80 cut \xe2\x82"));
  const std::string back = Settings::parse(settings.to_toml(), "t").text("a");
  EXPECT_EQ(back,
            "ok \xc3\xa9 bad \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd "
            "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd cut \xef\xbf\xbd\xef\xbf\xbd");
}

TEST(Settings, KeepsDatesThatNobodyReads) {
  const Settings settings = Settings::parse("day = 2019-10-13\nat = 2019-10-13T09:30:00Z\n", "t");
  EXPECT_EQ(settings.to_toml(), "at = 2019-10-13T09:30:00Z\nday = 2019-10-13\n");
  EXPECT_EQ(refused([&] { settings.text("day"); }).found, "2019-10-13");
}

}  // namespace
}  // namespace collegium
