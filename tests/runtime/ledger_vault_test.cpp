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

// A vault in a folder, with the run begun.
struct OpenVault {
  explicit OpenVault(const std::filesystem::path& folder, double budget = 100)
      : vault(folder, "guys", BudgetConfig{.unit = "patient", .epsilon = budget, .delta = 1e-5},
              20) {
    at_site::Prepare run;
    run.run = task_of(1).run;
    run.privacy.set("clip", 1.0);
    run.privacy.set("delta", 1e-5);
    vault.begin(run);
  }
  double spend(std::uint64_t round, std::uint64_t attempt = 1, const PrivacyEvent& mechanism = {}) {
    std::vector<PrivacyEvent> cost{gaussian()};
    if (mechanism.kind != PrivacyEvent::Kind::none) cost.push_back(mechanism);
    return vault.reserve(task_of(round), attempt, cost).epsilon;
  }
  LedgerVault vault;
};

TEST(LedgerVault, ASiteThatStartsAgainHasItsLastReleasedResult) {
  const TemporaryFolder folder;
  double spent = 0;
  {
    OpenVault open(folder.path());
    for (std::uint64_t round : {1, 2}) {
      EXPECT_GT(open.spend(round), 0);
      open.vault.persist(result_of(round, static_cast<float>(round)), true);
    }
    spent = open.spend(3);  // killed while it trains
  }
  OpenVault again(folder.path());
  const auto latest = again.vault.stored();
  ASSERT_TRUE(latest);
  EXPECT_EQ(latest->run, (RunId{9, 8, 7}));
  EXPECT_EQ(latest->round, 2u);
  EXPECT_EQ(latest->model[0], 7);
  EXPECT_EQ(ResultBody::read(latest->body).weight, 2.5);
  EXPECT_EQ(latest->update->id, result_of(2, 2.0f).update->id);
  EXPECT_EQ(again.spend(3), spent) << "the charge is there already";
}

TEST(LedgerVault, WhatWasReleasedIsNeverDrawnAgain) {
  const TemporaryFolder folder;
  OpenVault open(folder.path());
  open.spend(1);
  open.vault.persist(result_of(1, 1), true);
  EXPECT_THAT(complaint([&] { open.spend(1); }), testing::HasSubstr("released"));
  EXPECT_NO_THROW(open.spend(1, 2)) << "another output is another charge";
}

TEST(LedgerVault, ABudgetThatIsSpentRefusesTheRound) {
  const TemporaryFolder folder;
  OpenVault open(folder.path(), 1.5);
  double spent = 0;
  EXPECT_THROW(
      {
        for (std::uint64_t round = 1; round < 100; ++round) spent = open.spend(round);
      },
      BudgetExhausted);
  EXPECT_GT(spent, 0);
  EXPECT_LE(spent, 1.5);
}

TEST(LedgerVault, AMechanismCostsMoreThanTrainingAlone) {
  const TemporaryFolder folder;
  const TemporaryFolder other;
  EXPECT_GT(OpenVault(folder.path()).spend(1, 1, gaussian()), OpenVault(other.path()).spend(1));
}

}  // namespace
}  // namespace collegium
