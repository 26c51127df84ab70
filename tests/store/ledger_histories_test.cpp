// Any order of runs, rounds, retries and restarts, against a ledger of two dozen lines.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>

#include "collegium/error.h"
#include "store/ledger.h"
#include "store/sums.h"
#include "support/temporary_folder.h"

namespace collegium {
namespace {

constexpr double kBudget = 6.0;
constexpr double kTight = 0.5;  // of one schedule's sum

// What a ledger should do, in sums: binary fractions, so that they are exact.
struct Model {
  struct Run {
    double each = 0;
    std::int64_t left = 0;  // rounds of the schedule that are not drawn
  };
  std::map<std::string, Run> runs;
  std::map<std::pair<std::string, std::int64_t>, ChargeKind> charges;
  double sum = 0;
  int schedules = 0, extras = 0;

  double spent() const { return schedules == 1 && extras == 0 ? kTight * sum : sum; }
  bool begin(const std::string& run, double each, std::int64_t rounds) {
    const double after = sum + each * static_cast<double>(rounds);
    if ((schedules + extras == 0 ? kTight * after : after) > kBudget) return false;
    sum = after;
    ++schedules;
    runs[run] = {each, rounds};
    return true;
  }
  bool reserve(const std::string& run, std::int64_t attempt, double cost) {
    Run& of = runs.at(run);
    const bool drawn = cost == of.each && of.left > 0;
    if (!drawn && sum + cost > kBudget) return false;
    if (drawn) {
      --of.left;
    } else {
      sum += cost;
      ++extras;
    }
    charges[{run, attempt}] = drawn ? ChargeKind::drawn : ChargeKind::extra;
    return true;
  }
};

class History {
 public:
  explicit History(unsigned seed) : random_(seed) { restart(); }

  void step() {
    const int what = static_cast<int>(random_() % 8);
    if (what == 0)
      restart();
    else if (what == 1 || model_.runs.empty())
      begin();
    else
      reserve();
    ASSERT_EQ(ledger_->spent("guys"), model_.spent());
    ASSERT_LE(ledger_->spent("guys"), kBudget);
    ASSERT_EQ(ledger_->charges("guys").size(), model_.runs.size() + model_.charges.size());
  }
  const Model& model() const { return model_; }

 private:
  void restart() {
    ledger_.reset();
    ledger_ = std::make_unique<Ledger>(folder_.path(), sums(kTight));
    ledger_->add_dataset({.id = "guys", .budget = kBudget});
  }
  void begin() {
    const std::string id = "run" + std::to_string(model_.runs.size());
    const double each = 0.125 * static_cast<double>(1 + random_() % 8);
    const auto rounds = static_cast<std::int64_t>(1 + random_() % 8);
    const PrivacyEvent whole = costing(each, rounds);
    const auto call = [&] {
      ledger_->begin_run({.id = id, .dataset = "guys", .rounds = rounds}, {&whole, 1});
    };
    if (model_.begin(id, each, rounds))
      EXPECT_NO_THROW(call());
    else
      EXPECT_THROW(call(), BudgetExhausted);
  }
  void reserve() {
    const auto& [id, run] =
        *std::next(model_.runs.begin(), static_cast<long>(random_() % model_.runs.size()));
    const auto attempt = static_cast<std::int64_t>(1 + random_() % 12);
    if (model_.charges.contains({id, attempt})) return;
    const double cost = random_() % 4 == 0 ? 0.0625 : run.each;  // a mechanism of its own, or not
    const auto call = [&, id = id] {
      return ledger_->reserve({id, 1, "train", attempt}, costing(cost)).kind;
    };
    if (model_.reserve(id, attempt, cost))
      EXPECT_EQ(call(), (model_.charges.at({id, attempt})));
    else
      EXPECT_THROW(call(), BudgetExhausted);
  }

  const TemporaryFolder folder_;
  std::mt19937 random_;
  Model model_;
  std::unique_ptr<Ledger> ledger_;
};

TEST(LedgerHistories, AgreeWithASimpleModel) {
  int drawn = 0, extra = 0, single = 0;
  for (unsigned seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    History history(seed);
    for (int step = 0; step < 60 && !testing::Test::HasFailure(); ++step) history.step();
    for (const auto& [key, kind] : history.model().charges)
      ++(kind == ChargeKind::drawn ? drawn : extra);
    single += history.model().schedules == 1 && history.model().sum > kBudget ? 1 : 0;
  }
  EXPECT_GT(drawn, 20);
  EXPECT_GT(extra, 5);
  EXPECT_GT(single, 0) << "some run was taken by its own epsilon alone";
}

}  // namespace
}  // namespace collegium
