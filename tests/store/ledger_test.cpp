#include "store/ledger.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <random>

#include "store/event_json.h"
#include "store/sums.h"
#include "support/expect_problem.h"
#include "support/temporary_folder.h"

namespace collegium {
namespace {

using testing::HasSubstr;
using Kind = PrivacyEvent::Kind;

Digest output(std::uint8_t first) {
  Digest digest{};
  digest[0] = first;
  return digest;
}

class LedgerTest : public testing::Test {
 protected:
  TemporaryFolder folder_;
  std::chrono::system_clock::time_point now_{std::chrono::seconds(1'700'000'000)};

  Ledger open(std::optional<double> budget = 1.0) {
    Ledger ledger(folder_.path(), sums(), [this] { return now_ += std::chrono::seconds(1); });
    ledger.add_dataset({.id = "guys", .delta = 1e-3, .budget = budget, .n_public = 40});
    ledger.begin_run({.id = "ab12", .dataset = "guys", .config_hash = "c0"}, {});
    return ledger;
  }
  std::vector<std::string> notes() {
    const Database database(folder_ / "site.db", Database::Mode::read_only);
    Statement rows = database.prepare("SELECT text FROM note ORDER BY seq");
    std::vector<std::string> texts;
    while (rows.next()) texts.push_back(rows.text(0));
    return texts;
  }
};

TEST_F(LedgerTest, ChargesBeforeAnythingIsReleased) {
  Ledger ledger = open();
  const Charge charge = ledger.reserve({"ab12", 1}, costing(0.25));
  EXPECT_EQ(charge.state, ChargeState::reserved);
  EXPECT_EQ(charge.epsilon_after, 0.25);
  EXPECT_EQ(ledger.spent("guys"), 0.25);
  ledger.release({"ab12", 1}, output(7));
  EXPECT_EQ(ledger.find({"ab12", 1})->state, ChargeState::released);
  EXPECT_EQ(ledger.find({"ab12", 1})->output_hash, to_hex(output(7)));
  EXPECT_EQ(ledger.spent("guys"), 0.25);
}

TEST_F(LedgerTest, RefusesTheRoundThatWouldOverspendAndSaysByHowMuch) {
  Ledger ledger = open(1.0);
  ledger.reserve({"ab12", 1}, costing(0.75));
  const Problem problem = problem_of([&] { ledger.reserve({"ab12", 2}, costing(0.5)); });
  EXPECT_THAT(problem.expected, HasSubstr("epsilon 1 at delta 0.001"));
  EXPECT_THAT(problem.found,
              HasSubstr("0.75 spent, 0.25 left; this release asks for 0.5, which makes 1.25"));
  EXPECT_THAT(problem.where, HasSubstr("round 2"));
  EXPECT_THROW(ledger.reserve({"ab12", 2}, costing(0.5)), BudgetExhausted);
  EXPECT_EQ(ledger.charges("guys").size(), 2u) << "the run's empty schedule is one";
  EXPECT_NO_THROW(ledger.reserve({"ab12", 2}, costing(0.25)));  // exactly the budget
  EXPECT_THROW(ledger.reserve({"ab12", 3}, costing(1e-9)), BudgetExhausted);
}

TEST_F(LedgerTest, ChargesOneKeyOnceAlsoAfterARestart) {
  {
    Ledger ledger = open();
    ledger.reserve({"ab12", 1}, costing(0.5));
    EXPECT_EQ(ledger.reserve({"ab12", 1}, costing(0.5)).seq, 2);
  }
  Ledger ledger = open();
  EXPECT_EQ(ledger.reserve({"ab12", 1}, costing(0.5)).state, ChargeState::reserved);
  ledger.release({"ab12", 1}, output(1));
  EXPECT_EQ(ledger.reserve({"ab12", 1}, costing(0.5)).output_hash, to_hex(output(1)));
  EXPECT_EQ(ledger.spent("guys"), 0.5);
  ledger.reserve({"ab12", 1, "train", 2}, costing(0.25));
  EXPECT_EQ(ledger.spent("guys"), 0.75)
      << "another attempt draws other noise and is another charge";
}

TEST_F(LedgerTest, RefusesAnotherEventUnderTheSameKey) {
  Ledger ledger = open();
  ledger.reserve({"ab12", 1}, costing(0.5));
  EXPECT_THAT(problem_of([&] {
                ledger.reserve({"ab12", 1}, costing(0.25));
              }).remedy,
              HasSubstr("new attempt"));
}

TEST_F(LedgerTest, NeverReleasesTwoOutputsUnderOneCharge) {
  Ledger ledger = open();
  ledger.reserve({"ab12", 1}, costing(0.5));
  ledger.release({"ab12", 1}, output(1));
  EXPECT_NO_THROW(ledger.release({"ab12", 1}, output(1)));
  EXPECT_THROW(ledger.release({"ab12", 1}, output(2)), SystemError);
  EXPECT_THROW(ledger.release({"ab12", 9}, output(2)), SystemError)
      << "nothing was charged for round 9";
  EXPECT_THROW(ledger.forfeit({"ab12", 1}), SystemError);
}

TEST_F(LedgerTest, RefundsNothing) {
  Ledger ledger = open(1.0);
  ledger.reserve({"ab12", 1}, costing(0.75));
  ledger.forfeit({"ab12", 1});
  ledger.forfeit({"ab12", 1});
  EXPECT_EQ(ledger.spent("guys"), 0.75);
  EXPECT_THROW(ledger.release({"ab12", 1}, output(1)), SystemError);
  EXPECT_THROW(ledger.reserve({"ab12", 2}, costing(0.5)), BudgetExhausted);
}

TEST_F(LedgerTest, CountsEveryRunOnTheSamePatients) {
  Ledger ledger = open(1.0);
  ledger.reserve({"ab12", 1}, costing(0.75));
  ledger.begin_run({.id = "cd34", .dataset = "guys", .config_hash = "c1"}, {});
  EXPECT_THROW(ledger.reserve({"cd34", 1}, costing(0.5)), BudgetExhausted);
  ledger.add_dataset({.id = "kings", .delta = 1e-3, .budget = 1.0});
  ledger.begin_run({.id = "ef56", .dataset = "kings", .config_hash = "c1"}, {});
  EXPECT_NO_THROW(ledger.reserve({"ef56", 1}, costing(0.5)));
}

TEST_F(LedgerTest, KnowsWhatHasNoBound) {
  const PrivacyEvent unbounded{.kind = Kind::unbounded, .reason = "no mechanism"};
  {
    Ledger ledger = open(std::nullopt);
    EXPECT_TRUE(std::isinf(ledger.reserve({"ab12", 1}, unbounded).epsilon_after));
    EXPECT_TRUE(std::isinf(ledger.reserve({"ab12", 2}, costing(0.1)).epsilon_after))
        << "once is for ever";
  }
  Ledger ledger = open(100.0);
  EXPECT_THAT(problem_of([&] {
                ledger.reserve({"ab12", 3}, costing(0.1));
              }).found,
              HasSubstr("earlier release"));
  ledger.add_dataset({.id = "kings", .delta = 1e-3, .budget = 100.0});
  ledger.begin_run({.id = "cd34", .dataset = "kings"}, {});
  EXPECT_THAT(problem_of([&] {
                ledger.reserve({"cd34", 1}, unbounded);
              }).found,
              HasSubstr("no mechanism"));
  EXPECT_NO_THROW(ledger.reserve({"cd34", 1}, PrivacyEvent{}))
      << "an event of kind none costs nothing";
}

TEST_F(LedgerTest, BelievesNoAccountantThatGivesNoNumber) {
  for (const double answer : {std::numeric_limits<double>::quiet_NaN(), -1.0}) {
    const TemporaryFolder folder;
    Accounting lost = sums();
    lost.filter = [&](std::span<const PrivacyEvent>, double, double) { return answer; };
    lost.fixed = [&](std::span<const PrivacyEvent>, double) { return answer; };
    Ledger ledger(folder.path(), lost);
    ledger.add_dataset({.id = "guys", .budget = 1e9});
    ledger.begin_run({.id = "ab12", .dataset = "guys"}, {});
    EXPECT_THROW(ledger.reserve({"ab12", 1}, costing(0.1)), BudgetExhausted);
  }
}

TEST_F(LedgerTest, RefusesEventsThatWouldGiveSomethingBack) {
  Ledger ledger = open();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const PrivacyEvent& event :
       {costing(-0.5), costing(nan), costing(INFINITY),
        PrivacyEvent{.kind = Kind::pure, .count = 0, .epsilon = 0.5},
        PrivacyEvent{.kind = Kind::pure, .count = -3, .epsilon = 0.5},
        PrivacyEvent{.kind = Kind::gaussian},
        PrivacyEvent{.kind = Kind::gaussian, .noise_multiplier = nan},
        PrivacyEvent{.kind = Kind::sampled_gaussian, .noise_multiplier = 1, .sampling_rate = 0},
        PrivacyEvent{
            .kind = Kind::sampled_gaussian, .noise_multiplier = 1, .sampling_rate = 1.5}}) {
    EXPECT_THROW(ledger.reserve({"ab12", 1}, event), ConfigError);
  }
  EXPECT_EQ(ledger.spent("guys"), 0.0);
}

TEST_F(LedgerTest, MergesEqualEventsForTheAccountant) {
  std::size_t most = 0;
  Accounting counting = sums();
  counting.filter = [&](std::span<const PrivacyEvent> events, double order, double delta) {
    most = std::max(most, events.size());
    return sums().filter(events, order, delta);
  };
  Ledger ledger(folder_.path(), counting);
  ledger.add_dataset({.id = "guys"});
  ledger.begin_run({.id = "ab12", .dataset = "guys"}, {});
  for (std::uint64_t round = 1; round <= 20; ++round)
    ledger.reserve({"ab12", round}, costing(0.25));
  EXPECT_EQ(most, 1u);
  EXPECT_EQ(ledger.spent("guys"), 5.0);
}

TEST_F(LedgerTest, DoesNotMergeEventsThatDifferInWhatTheyProtect) {
  std::size_t most = 0;
  Accounting counting = sums();
  counting.filter = [&](std::span<const PrivacyEvent> events, double, double) {
    most = std::max(most, events.size());
    return 0.0;
  };
  Ledger ledger(folder_.path(), counting);
  ledger.add_dataset({.id = "guys"});
  ledger.begin_run({.id = "ab12", .dataset = "guys"}, {});
  PrivacyEvent event{.kind = Kind::sampled_gaussian, .noise_multiplier = 1, .sampling_rate = 0.1};
  ledger.reserve({"ab12", 1}, event);
  event.max_batch = 8;
  event.n_public = 60;
  ledger.reserve({"ab12", 2}, event);
  event.n_public = 600;
  ledger.reserve({"ab12", 3}, event);
  EXPECT_EQ(most, 3u);
}

TEST_F(LedgerTest, NotesAChangedBudgetAndKeepsTheUnit) {
  Ledger ledger = open(1.0);
  ledger.add_dataset({.id = "guys", .delta = 1e-3, .budget = 4.0, .n_public = 40});
  EXPECT_THAT(notes(),
              testing::ElementsAre(HasSubstr("from epsilon 1 at delta 0.001 to epsilon 4")));
  EXPECT_NO_THROW(ledger.reserve({"ab12", 1}, costing(3)));
  EXPECT_THROW(ledger.add_dataset({.id = "guys", .unit = "site", .delta = 1e-3, .budget = 4.0}),
               ConfigError);
  EXPECT_THROW(ledger.add_dataset({.id = "kings", .delta = 0}), ConfigError);
  EXPECT_THROW(ledger.add_dataset({.id = "kings\nx"}), ConfigError);
  EXPECT_THROW(ledger.add_dataset({.id = "kings", .budget = std::nan("")}), ConfigError);
}

TEST_F(LedgerTest, RefusesARunThatChangesItsMeaning) {
  Ledger ledger = open();
  EXPECT_NO_THROW(ledger.begin_run({.id = "ab12", .dataset = "guys", .config_hash = "c0"}, {}));
  EXPECT_THROW(ledger.begin_run({.id = "ab12", .dataset = "guys", .config_hash = "c1"}, {}),
               ConfigError);
  EXPECT_THROW(ledger.reserve({"unknown", 1}, costing(0.1)), ConfigError);
  EXPECT_THROW(ledger.begin_run({.id = "ef56", .dataset = "nobody"}, {}), ConfigError)
      << "a run needs a data set";
}

TEST_F(LedgerTest, NotesAClockThatGoesBackwards) {
  {
    Ledger ledger = open();
    ledger.reserve({"ab12", 1}, costing(0.1));
  }
  now_ -= std::chrono::hours(5);
  Ledger ledger = open();
  EXPECT_TRUE(notes().empty());
  ledger.reserve({"ab12", 2}, costing(0.1));
  EXPECT_THAT(notes(), testing::ElementsAre(HasSubstr("clock went backwards")));
  ledger.reserve({"ab12", 3}, costing(0.1));
  EXPECT_EQ(notes().size(), 1u);
}

TEST_F(LedgerTest, HasOneWriterAndAnyNumberOfReaders) {
  Ledger ledger = open();
  ledger.reserve({"ab12", 1}, costing(0.5));
  EXPECT_THAT(problem_of([&] { Ledger(folder_.path(), sums()); }).what,
              HasSubstr("the ledger is in use"));
  const Database reader(folder_ / "site.db", Database::Mode::read_only);
  Statement row = reader.prepare("SELECT state, epsilon_after FROM charge WHERE round = 1");
  ASSERT_TRUE(row.next());
  EXPECT_EQ(row.text(0), "reserved");
  EXPECT_EQ(row.number(1), 0.5);
}

TEST(EventJson, IsReadBackAndEqualForEqualEvents) {
  for (const PrivacyEvent& event :
       {PrivacyEvent{}, PrivacyEvent{.kind = Kind::gaussian, .noise_multiplier = 0.1, .count = 3},
        PrivacyEvent{.kind = Kind::sampled_gaussian,
        .noise_multiplier = 1.1,
        .sampling_rate = 1.0 / 3,
        .count = 20},
        costing(1e-300),
        PrivacyEvent{.kind = Kind::sampled_gaussian,
        .noise_multiplier = 1,
        .sampling_rate = 0.1,
        .max_batch = 8,
        .n_public = 60},
        PrivacyEvent{.kind = Kind::fixed_size_gaussian,
        .noise_multiplier = 2,
        .sampling_rate = 0.25,
        .neighbours = PrivacyEvent::Neighbours::replace_one},
        PrivacyEvent{.kind = Kind::laplace, .noise_multiplier = 20, .sampling_rate = 0.5},
        PrivacyEvent{.kind = Kind::discrete_gaussian, .noise_multiplier = 3, .count = 2},
        PrivacyEvent{.kind = Kind::discrete_laplace, .noise_multiplier = 3, .sensitivity = 4},
        PrivacyEvent{.kind = Kind::approximate, .epsilon = 0.5, .delta = 1e-7},
        PrivacyEvent{.kind = Kind::unbounded, .reason = "no \"clip\"\n\xff"}}) {
    const std::string json = event_to_json(event);
    EXPECT_EQ(json.find('\n'), std::string::npos);
    const std::optional<PrivacyEvent> read = event_from_json(json);
    ASSERT_TRUE(read.has_value()) << json;
    EXPECT_EQ(event_to_json(*read), json);
    if (event.kind != Kind::unbounded) {  // whose reason lost a byte that is no text
      EXPECT_EQ(*read, event) << json;
    }
  }
  for (const char* text :
       {"", "{}", "[]", "{\"kind\":\"magic\"}", "{\"kind\":\"pure\",\"epsilon\":1}",
        "{\"kind\":\"pure\",\"epsilon\":\"1\",\"count\":1}", "{\"kind\":\"gaussian\",\"count\":1}",
        "{\"kind\":\"laplace\",\"noise_multiplier\":2,\"count\":1}",
        "{\"kind\":\"approximate\",\"epsilon\":1,\"count\":1}",
        "{\"kind\":\"pure\",\"epsilon\":1,\"count\":1,\"neighbours\":\"all\"}",
        "{\"kind\":\"pure\",\"epsilon\":1,\"count\":1,\"max_batch\":2}"}) {
    EXPECT_FALSE(event_from_json(text).has_value()) << text;
  }
}

// Any order of calls and restarts, against a ledger of a dozen lines.
TEST_F(LedgerTest, BehavesLikeASimpleModelOfItself) {
  struct Entry {
    double epsilon;
    ChargeState state;
    int output;
  };
  std::mt19937 random(11);
  for (int trial = 0; trial < 6; ++trial) {
    const TemporaryFolder folder;
    const double budget = 3.0;
    std::map<std::uint64_t, Entry> model;
    const auto fresh = [&] {
      auto ledger = std::make_unique<Ledger>(folder.path(), sums());
      ledger->add_dataset({.id = "guys", .budget = budget});
      ledger->begin_run({.id = "ab12", .dataset = "guys"}, {});
      return ledger;
    };
    std::unique_ptr<Ledger> ledger = fresh();
    for (int step = 0; step < 60; ++step) {
      const std::uint64_t round = 1 + random() % 12;
      const auto known = model.find(round);
      double spent = 0;
      for (const auto& [key, entry] : model) spent += entry.epsilon;
      switch (random() % 5) {
        case 0:
        case 1: {
          const double epsilon =
              known != model.end() ? known->second.epsilon : 0.125 * (1 + random() % 6);
          if (known != model.end()) {
            EXPECT_EQ(ledger->reserve({"ab12", round}, costing(epsilon)).state,
                      known->second.state);
          } else if (spent + epsilon <= budget) {
            EXPECT_EQ(ledger->reserve({"ab12", round}, costing(epsilon)).epsilon_after,
                      spent + epsilon);
            model[round] = {epsilon, ChargeState::reserved, 0};
          } else {
            EXPECT_THROW(ledger->reserve({"ab12", round}, costing(epsilon)), BudgetExhausted);
          }
          break;
        }
        case 2: {
          const int hash = 1 + static_cast<int>(random() % 2);
          const bool repeated =
              known != model.end() && known->second.state == ChargeState::released;
          if (known != model.end() && (known->second.state == ChargeState::reserved ||
                                       (repeated && known->second.output == hash))) {
            ledger->release({"ab12", round}, output(static_cast<std::uint8_t>(hash)));
            known->second = {known->second.epsilon, ChargeState::released, hash};
          } else {
            EXPECT_THROW(ledger->release({"ab12", round}, output(static_cast<std::uint8_t>(hash))),
                         SystemError);
          }
          break;
        }
        case 3:
          if (known != model.end() && known->second.state != ChargeState::released) {
            ledger->forfeit({"ab12", round});
            known->second.state = ChargeState::forfeited;
          } else {
            EXPECT_THROW(ledger->forfeit({"ab12", round}), SystemError);
          }
          break;
        default:
          ledger.reset();
          ledger = fresh();
      }
      double total = 0;
      for (const auto& [key, entry] : model) total += entry.epsilon;
      ASSERT_EQ(ledger->spent("guys"), total) << "trial " << trial << ", step " << step;
      ASSERT_EQ(ledger->charges("guys").size(), 1 + model.size());
    }
  }
}

}  // namespace
}  // namespace collegium
