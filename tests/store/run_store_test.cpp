#include "store/run_store.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "base/file.h"
#include "model/safetensors.h"
#include "support/expect_problem.h"
#include "support/temporary_folder.h"

namespace collegium {
namespace {

using testing::HasSubstr;

class RunStoreTest : public testing::Test {
 protected:
  TemporaryFolder temporary_;
  std::filesystem::path folder_ = temporary_ / "runs/demo";
  Layout layout_ = [] {
    Layout layout;
    layout.add("w", {4});
    return layout;
  }();

  RunStore create() {
    return RunStore::create(folder_, {"ab12", "demo", "rounds = 3\n", layout_.hash(), true});
  }
  std::vector<float> model(float value) const { return std::vector<float>(4, value); }
  void close(RunStore& store, std::uint64_t round) {
    const Checkpoint checkpoint =
        store.write_checkpoint(round, layout_, model(static_cast<float>(round)));
    const std::vector<ContributionRow> rows{
        {.site = "kings", .state = "accepted", .weight = 2, .steps = 5},
        {.site = "guys", .state = "missing", .code = "deadline", .reason = "too late"}};
    store.close_round(
        {.number = round, .attempts = 1, .seconds = 1.5, .model = checkpoint, .bytes_in = 10}, rows,
        {});
  }
  std::string text(const std::string& sql) {
    const Database database(folder_ / "run.db", Database::Mode::read_only);
    Statement row = database.prepare(sql);
    return row.next() ? row.text(0) : "no row";
  }
};

// A process that died over it may leave a file without a run.
TEST_F(RunStoreTest, BeginsWithItsFirstTransactionAndNotBefore) {
  EXPECT_FALSE(RunStore::begun(folder_));
  make_folders(folder_.string());
  Database(folder_ / "run.db", Database::Mode::create);
  EXPECT_FALSE(RunStore::begun(folder_));
  create();
  EXPECT_TRUE(RunStore::begun(folder_));
}

TEST_F(RunStoreTest, StartsWithNoRoundAndGoesOnAfterTheLastOne) {
  {
    RunStore store = create();
    EXPECT_FALSE(store.last_closed().has_value());
    EXPECT_EQ(store.state(), "running");
    close(store, 1);
    close(store, 2);
  }
  const RunStore store = RunStore::open(folder_);
  EXPECT_EQ(store.info().run, "ab12");
  EXPECT_EQ(store.info().config, "rounds = 3\n");
  EXPECT_TRUE(store.info().simulation);
  ASSERT_TRUE(store.last_closed().has_value());
  EXPECT_EQ(store.last_closed()->round, 2u);
  EXPECT_EQ(store.load_checkpoint(store.last_closed()->model, layout_), model(2));
}

TEST_F(RunStoreTest, RemembersWhoGaveWhatAndWhy) {
  RunStore store = create();
  close(store, 1);
  const std::vector<ContributionRow> rows = store.contributions(1);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].site, "kings");  // the order of the cohort, not of the alphabet
  EXPECT_EQ(rows[0].weight, 2);
  EXPECT_EQ(rows[0].loss, std::nullopt);
  EXPECT_EQ(rows[1].state, "missing");
  EXPECT_EQ(rows[1].code, "deadline");
  EXPECT_EQ(rows[1].reason, "too late");
}

TEST_F(RunStoreTest, ClosesNoRoundWithoutItsModel) {
  RunStore store = create();
  EXPECT_THROW(store.close_round({.number = 1}, {}, {}), SystemError);
  EXPECT_THROW(
      store.close_round({.number = 1, .model = {"checkpoints/none.safetensors", ""}}, {}, {}),
      SystemError);
  EXPECT_FALSE(store.last_closed().has_value());
}

TEST_F(RunStoreTest, WritesARoundWhollyOrNotAtAll) {
  RunStore store = create();
  const Checkpoint checkpoint = store.write_checkpoint(1, layout_, model(1));
  const std::vector<ContributionRow> twice{{.site = "guys", .state = "accepted"},
                                           {.site = "guys", .state = "accepted"}};
  EXPECT_THROW(store.close_round({.number = 1, .model = checkpoint}, twice, {}), SystemError);
  EXPECT_FALSE(store.last_closed().has_value());
  EXPECT_TRUE(store.contributions(1).empty());
}

TEST_F(RunStoreTest, LetsAnAbandonedRoundBeRepeatedButNeverReopensAClosedOne) {
  RunStore store = create();
  const ContributionRow rejected{
      .site = "guys", .state = "rejected", .code = "not_finite", .weight = std::nan("")};
  store.abandon_round({.number = 1, .attempts = 1, .reason = "fewer than 2 sites"}, {&rejected, 1});
  EXPECT_FALSE(store.last_closed().has_value());
  EXPECT_EQ(text("SELECT state FROM round"), "abandoned");
  close(store, 1);
  EXPECT_EQ(store.last_closed()->round, 1u);
  EXPECT_EQ(store.contributions(1).size(), 2u);
  EXPECT_THROW(store.abandon_round({.number = 1}, {}), SystemError);
  EXPECT_EQ(text("SELECT count(*) FROM round"), "1");
}

TEST_F(RunStoreTest, RefusesToGoOnFromAnotherModel) {
  RunStore store = create();
  close(store, 1);
  const Checkpoint checkpoint = store.last_closed()->model;
  save_safetensors(folder_ / checkpoint.file, layout_, model(9));
  EXPECT_THAT(problem_of([&] { store.load_checkpoint(checkpoint, layout_); }).found,
              HasSubstr("hash"));
  Layout other;
  other.add("w", {2, 2});
  save_safetensors(folder_ / checkpoint.file, other, model(1));
  EXPECT_THAT(problem_of([&] { store.load_checkpoint(checkpoint, layout_); }).found,
              HasSubstr("layout"));
  std::filesystem::remove(folder_ / checkpoint.file);
  EXPECT_THROW(store.load_checkpoint(checkpoint, layout_), SystemError);
}

TEST_F(RunStoreTest, TakesAFolderForOneRunOnly) {
  create();
  EXPECT_NO_THROW(create());
  const Problem problem = problem_of([&] {
    RunStore::create(folder_, {"ffff", "other", "", "", false});
  });
  EXPECT_THAT(problem.what, HasSubstr("another run"));
  EXPECT_THAT(problem.found, HasSubstr("ab12 of 'demo'"));
  EXPECT_THAT(problem_of([&] { RunStore::open(temporary_ / "empty"); }).what,
              HasSubstr("no run in this folder"));
}

TEST_F(RunStoreTest, HasOneWriter) {
  const RunStore store = create();
  EXPECT_THAT(problem_of([&] { RunStore::open(folder_); }).what, HasSubstr("the run is in use"));
}

TEST_F(RunStoreTest, KeepsTheNewestCheckpointsAndTheFirstModel) {
  RunStore store = create();
  store.write_checkpoint(0, layout_, model(0));
  for (std::uint64_t round = 1; round <= 4; ++round) close(store, round);
  store.prune_checkpoints(2);
  store.prune_checkpoints(2);
  std::set<std::string> left;
  for (const auto& file : std::filesystem::directory_iterator(folder_ / "checkpoints")) {
    left.insert(file.path().filename().string());
  }
  EXPECT_EQ(left, (std::set<std::string>{"round-000000.safetensors", "round-000003.safetensors",
                                         "round-000004.safetensors"}));
  EXPECT_EQ(text("SELECT count(*) FROM round WHERE model = ''"), "2");
  store.prune_checkpoints(0);
  EXPECT_EQ(store.load_checkpoint(store.last_closed()->model, layout_), model(4))
      << "a restart needs the newest";
}

TEST_F(RunStoreTest, EndsWithAModelAndAReason) {
  RunStore store = create();
  store.finish("stopped", "Ctrl-C", layout_, {});
  EXPECT_EQ(store.state(), "stopped");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "model.safetensors"));
  store.reopen();
  EXPECT_EQ(store.state(), "running");
  store.finish("finished", "", layout_, model(3));
  EXPECT_EQ(store.state(), "finished");
  EXPECT_EQ(load_safetensors(folder_ / "model.safetensors").values, model(3));
}

TEST_F(RunStoreTest, RecordsSitesEventsAndMetricsForThoseWhoRead) {
  RunStore store = create();
  store.record_site("guys", "key", "ready", "collegium 0.1.0");
  store.record_site("guys", "key", "away", "collegium 0.1.0");
  store.event("warning", "guys", "too slow: \"12 s\"");
  const std::vector<MetricRow> metrics{{0, "guys", "dice_wt", 0.5, 7},
                                       {1, "guys", "dice_wt", 0.75, 7}};
  store.record_metrics(metrics);
  const MetricRow better{1, "guys", "dice_wt", 0.875, 7};
  store.record_metrics({&better, 1});
  EXPECT_EQ(text("SELECT state FROM site"), "away");
  EXPECT_EQ(text("SELECT text FROM event WHERE level = 'warning' AND site = 'guys'"),
            "too slow: \"12 s\"");
  EXPECT_EQ(text("SELECT group_concat(value) FROM metric ORDER BY round"), "0.5,0.875");
}

// ---- charges of central privacy

PrivacyEvent noise(double multiplier) {
  return {.kind = PrivacyEvent::Kind::gaussian, .noise_multiplier = multiplier};
}

TEST_F(RunStoreTest, ARoundIsChargedOnceHoweverOftenItIsTried) {
  {
    RunStore store = create();
    EXPECT_FALSE(store.charge(1, noise(4), 1e-3).released);
    store.charge(1, noise(4), 1e-3);
  }  // killed before the round was closed
  {
    RunStore store = RunStore::open(folder_);
    ASSERT_EQ(store.releases().size(), 1u);
    store.charge(1, noise(4), 1e-3);  // drawn again: nothing of the first draw has left
    store.abandon_round({.number = 1, .reason = "too few"}, {});
    store.charge(1, noise(4), 1e-3);
    EXPECT_FALSE(store.releases().at(0).released);
    close(store, 1);
    store.charge(2, noise(4), 1e-3);
    close(store, 2);
  }
  const RunStore store = RunStore::open(folder_);
  ASSERT_EQ(store.releases().size(), 2u);
  EXPECT_TRUE(store.releases().at(0).released);
  EXPECT_EQ(store.releases().at(1).model_hash, store.last_closed()->model.hash);
  // Balle and Wang 2018, Thm. 8, at mu = 1/4 and sqrt(2)/4.
  EXPECT_NEAR(store.releases().at(1).epsilon, 0.8940543, 1e-6);
  EXPECT_LT(store.releases().at(0).epsilon, store.releases().at(1).epsilon);
}

TEST_F(RunStoreTest, AChargeIsNeverForSomethingElse) {
  RunStore store = create();
  store.charge(1, noise(4), 1e-3);
  EXPECT_THAT(problem_of([&] { store.charge(1, noise(3), 1e-3); }).what, HasSubstr("before"));
  EXPECT_THAT(problem_of([&] { store.charge(1, noise(4), 1e-2); }).what, HasSubstr("before"));
}

TEST_F(RunStoreTest, NoProgramCanTakeAChargeBack) {
  RunStore store = create();
  store.charge(1, noise(4), 1e-3);
  close(store, 1);
  Database other(folder_ / "run.db", Database::Mode::existing);
  for (const char* sql :
       {"DELETE FROM release", "UPDATE release SET epsilon = 0",
        "UPDATE release SET state = 'reserved'", "UPDATE release SET model_hash = 'another'",
        "INSERT OR REPLACE INTO release SELECT * FROM release"})
    EXPECT_THROW(other.execute(sql), Error) << sql;
  EXPECT_TRUE(store.releases().at(0).released);
}

}  // namespace
}  // namespace collegium
