// What a site keeps: charges before training, stored results before they are sent.
#include "runtime/ledger_vault.h"

#include <gmock/gmock.h>

#include "collegium/error.h"
#include "federation/bodies.h"
#include "support/temporary_folder.h"
#include "transport/float_bytes.h"

namespace collegium {
namespace {

template <class Call>
std::string complaint(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

PrivacyEvent gaussian() {
  PrivacyEvent event;
  event.kind = PrivacyEvent::Kind::gaussian;
  event.noise_multiplier = 4;
  return event;
}

TrainTask task_of(std::uint64_t round) {
  TrainTask task;
  task.run = to_hex(RunId{9, 8, 7});
  task.round = round;
  task.rounds = 5;
  task.privacy.set("clip", 1.0);
  return task;
}

StoredResult result_of(std::uint64_t round, float value) {
  StoredResult result;
  result.run = RunId{9, 8, 7};
  result.round = round;
  result.model[0] = 7;
  result.update = std::make_shared<const Blob>(Blob::of(bytes_of({value, value})));
  ResultBody body;
  body.model = result.model;
  body.steps = 3;
  body.weight = 2.5;
  body.update = {result.update->id, false};
  result.body = body.write();
  return result;
}

at_site::Prepare run_of(std::uint64_t rounds) {
  at_site::Prepare run;
  run.run = task_of(1).run;
  run.rounds = rounds;
  run.privacy.set("clip", 1.0);
  run.privacy.set("delta", 1e-5);
  return run;
}

std::vector<PrivacyEvent> rounds_of(std::int64_t count) {
  PrivacyEvent event = gaussian();
  event.count = count;
  return {event};
}

// A vault in a folder, with a run of five rounds begun.
struct OpenVault {
  explicit OpenVault(const std::filesystem::path& folder, double budget = 100)
      : vault(folder, {.dataset = "guys",
                       .budget = BudgetConfig{.unit = "patient", .epsilon = budget, .delta = 1e-5},
                       .n_public = 20}) {
    vault.begin(run_of(5), rounds_of(5));
  }
  SiteWork::Spent spend(std::uint64_t round, std::uint64_t attempt = 1) {
    return vault.reserve(task_of(round), attempt, rounds_of(1));
  }
  // Reserved, trained and stored, as the site's machine does it.
  void release(std::uint64_t round, float value) {
    StoredResult result = result_of(round, value);
    ResultBody body = ResultBody::read(result.body);
    body.ledger = spend(round).ledger;
    result.body = body.write();
    vault.persist(result, true);
  }
  LedgerVault vault;
};

TEST(LedgerVault, ASiteThatStartsAgainHasItsLastReleasedResult) {
  const TemporaryFolder folder;
  LedgerPosition reserved;
  {
    OpenVault open(folder.path());
    for (std::uint64_t round : {1, 2}) open.release(round, static_cast<float>(round));
    reserved = *open.spend(3).ledger;  // killed while it trains
  }
  OpenVault again(folder.path());
  const auto latest = again.vault.stored();
  ASSERT_TRUE(latest);
  EXPECT_EQ(latest->run, (RunId{9, 8, 7}));
  EXPECT_EQ(latest->round, 2u);
  EXPECT_EQ(latest->model[0], 7);
  EXPECT_EQ(ResultBody::read(latest->body).weight, 2.5);
  EXPECT_EQ(latest->update->id, result_of(2, 2.0f).update->id);
  EXPECT_EQ(again.spend(3).ledger, reserved) << "the charge is there already";
}

TEST(LedgerVault, WhatWasReleasedIsNeverDrawnAgain) {
  const TemporaryFolder folder;
  OpenVault open(folder.path());
  open.release(1, 1);
  EXPECT_THAT(complaint([&] { open.spend(1); }), testing::HasSubstr("released"));
  EXPECT_NO_THROW(open.spend(1, 2)) << "another output is another charge";
}

// A run of five rounds has five draws on its schedule, whatever they were drawn for. What was
// reserved and never left is reserved still.
TEST(LedgerVault, EachDrawOfNoiseForASumIsAChargeOfItsOwn) {
  const TemporaryFolder folder;
  const auto reserve = [](OpenVault& open) {
    return open.vault.reserve_draw(task_of(1), rounds_of(1)).epsilon;
  };
  double scheduled = 0;
  {
    OpenVault open(folder.path());
    scheduled = reserve(open);
    for (int again = 0; again < 5; ++again) EXPECT_EQ(reserve(open), scheduled);
  }
  OpenVault open(folder.path());
  for (std::uint8_t draw = 0; draw < 5; ++draw) {
    EXPECT_EQ(reserve(open), scheduled);
    open.vault.draw(Digest{draw});
  }
  const double sixth = reserve(open);
  EXPECT_GT(sixth, scheduled) << "other noise over the same update";
  EXPECT_EQ(reserve(open), sixth);
  open.vault.draw(Digest{6});
  EXPECT_GT(reserve(open), sixth);
  EXPECT_FALSE(open.vault.stored()) << "an update that owes its noise is not kept";
}

TEST(LedgerVault, ADrawBeyondTheBudgetIsRefused) {
  const TemporaryFolder folder, other;
  const double schedule = OpenVault(folder.path()).spend(1).epsilon;
  OpenVault open(other.path(), schedule * 1.001);
  for (std::uint8_t draw = 0; draw < 5; ++draw) {
    open.vault.reserve_draw(task_of(1), rounds_of(1));
    open.vault.draw(Digest{draw});
  }
  EXPECT_THROW(open.vault.reserve_draw(task_of(1), rounds_of(1)), BudgetExhausted);
}

TEST(LedgerVault, ChargesTheWholeRunWhenItBegins) {
  const TemporaryFolder folder;
  OpenVault open(folder.path());
  const SiteWork::Spent first = open.spend(1);
  EXPECT_GT(first.epsilon, 0);
  EXPECT_EQ(first.delta, 1e-5);
  for (std::uint64_t round = 2; round <= 5; ++round)
    EXPECT_EQ(open.spend(round).epsilon, first.epsilon);
  EXPECT_GT(open.spend(5, 2).epsilon, first.epsilon) << "new noise beyond the schedule";
}

TEST(LedgerVault, ARunBeyondTheBudgetIsRefusedBeforeItsFirstRound) {
  const TemporaryFolder folder;
  EXPECT_THROW(OpenVault(folder.path(), 0.5), BudgetExhausted);
  EXPECT_NO_THROW(OpenVault(folder.path(), 5));
}

TEST(LedgerVault, AddsUpTheRunsOnTheSamePatients) {
  const TemporaryFolder folder;
  OpenVault open(folder.path());
  const double one = open.spend(1).epsilon;
  at_site::Prepare second = run_of(5);
  second.run = to_hex(RunId{1});
  open.vault.begin(second, rounds_of(5));
  TrainTask task = task_of(1);
  task.run = second.run;
  const SiteWork::Spent spent = open.vault.reserve(task, 1, rounds_of(1));
  EXPECT_EQ(spent.epsilon, one) << "of the run";
  EXPECT_GT(spent.lifetime, one) << "of the data set";
}

TEST(LedgerVault, WithoutABudgetOfItsOwnTakesTheLedgers) {
  const TemporaryFolder folder;
  { OpenVault open(folder.path(), 2.5); }
  LedgerVault vault(folder.path(), {.dataset = "guys", .simulation = true});
  at_site::Prepare second = run_of(5);
  second.run = to_hex(RunId{1});
  EXPECT_THROW(vault.begin(second, rounds_of(5)), BudgetExhausted);
}

TEST(LedgerVault, RefusesALedgerThatIsOlderThanTheOutbox) {
  const TemporaryFolder folder, backup;
  { OpenVault open(folder.path()); }
  for (const char* file : {"site.db", "ledger.head"})
    std::filesystem::copy_file(folder / file, backup / file);
  { OpenVault(folder.path()).release(1, 1); }
  for (const char* file : {"site.db", "ledger.head"})  // in place: it is the same inode
    std::filesystem::copy_file(backup / file, folder / file,
                               std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(complaint([&] { OpenVault(folder.path()); }), testing::HasSubstr("the outbox"));
}

TEST(LedgerVault, RefusesALedgerThatIsOlderThanTheCoordinatorKnows) {
  const TemporaryFolder folder;
  OpenVault open(folder.path());
  at_site::Prepare run = run_of(5);
  run.ledger = open.spend(1).ledger;
  EXPECT_NO_THROW(open.vault.begin(run, rounds_of(5)));
  ++run.ledger->seq;
  EXPECT_THAT(complaint([&] { open.vault.begin(run, rounds_of(5)); }),
              testing::HasSubstr("the coordinator"));
}

}  // namespace
}  // namespace collegium
