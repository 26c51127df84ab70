// Secure aggregation from the configuration to the model, in one process.
#include <gmock/gmock.h>

#include <mutex>

#include "federation/secure_terms.h"
#include "runtime/ledger_vault.h"
#include "runtime/secure_federation.h"
#include "runtime/simulate.h"
#include "store/run_store.h"
#include "support/expect_problem.h"
#include "support/temporary_folder.h"
#include "transport/toy_federation.h"

namespace collegium {
namespace {

using namespace toy;
using testing::HasSubstr;

struct Ran {
  DriverResult result;
  std::vector<RoundRecord> rounds;
  std::vector<std::string> log;
};

using Change = std::function<void(std::vector<std::shared_ptr<ToyTrainer>>&)>;

Ran run(const std::string& text, std::size_t size, const Change& change = {}) {
  const FederationConfig config = FederationConfig::read(Settings::parse(text, "toy.toml"));
  std::vector<std::shared_ptr<ToyTrainer>> trainers;
  std::vector<SimulatedSite> members;
  for (std::size_t i = 0; i < config.sites.size(); ++i) {
    trainers.push_back(std::make_shared<ToyTrainer>(i, size));
    members.push_back({config.sites[i], trainers.back()});
  }
  if (change) change(trainers);
  Ran ran;
  RunEvents events;
  std::mutex logging;
  events.on_round = [&](const RoundRecord& record) { ran.rounds.push_back(record); };
  events.on_log = [&](const LogEvent& event) {
    const std::lock_guard lock(logging);
    ran.log.push_back(event.site + ": " + event.text);
  };
  ran.result = simulate(config, members,
                        {.layout = layout_of(size), .values = std::vector<float>(size, 0.0f)}, 2,
                        events, {});
  return ran;
}

// Updates that travel in messages, and updates that are pulled in pieces.
TEST(SecureRun, EndsWithTheModelOfPlainRuns) {
  for (const std::size_t size : {10u, 700'000u}) {
    const TemporaryFolder folder;
    const Ran ran = run(config_text(folder.path(), 5, "") + kSecure, size);
    ASSERT_EQ(ran.result.outcome, Outcome::finished) << ran.result.reason;
    expect_model(folder / "run" / "model.safetensors", 5, size, 3);
  }
}

TEST(SecureRun, SixtyFourBitsEndWithTheSameModel) {
  const TemporaryFolder folder;
  const Ran ran = run(config_text(folder.path(), 4, "") + kSecure + "scale_bits = 40\n", 1000);
  ASSERT_EQ(ran.result.outcome, Outcome::finished) << ran.result.reason;
  expect_model(folder / "run" / "model.safetensors", 4, 1000, 3);
}

// The toys' weights are 1 and 2, their losses are not zero, and they measure the model.
TEST(SecureRun, TellsNothingOfASiteButThatItTookPart) {
  const TemporaryFolder folder;
  const Ran ran = run(config_text(folder.path(), 3, "") + kSecure, 10);
  ASSERT_EQ(ran.rounds.size(), 3u);
  for (const RoundRecord& round : ran.rounds)
    for (const Contribution& one : round.contributions) {
      EXPECT_EQ(one.state, Contribution::State::accepted);
      EXPECT_EQ(one.weight, 1);
      EXPECT_EQ(one.steps, 0);
      EXPECT_FALSE(one.loss);
      EXPECT_TRUE(one.metrics.empty());
      EXPECT_TRUE(one.note.empty());
      EXPECT_EQ(one.bytes, 11 * sizeof(std::uint32_t));
    }
}

TEST(SecureRun, GoesOnWithoutASiteWhoseTrainingFails) {
  const TemporaryFolder folder;
  const Ran ran = run(config_text(folder.path(), 5, "min_sites = 4") + kSecure, 10,
                      [](std::vector<std::shared_ptr<ToyTrainer>>& trainers) {
                        trainers[4]->before_training = [](const TrainTask&) {
                          throw DataError({.what = "no such file: secret-patient.nii"});
                        };
                      });
  ASSERT_EQ(ran.result.outcome, Outcome::finished) << ran.result.reason;
  expect_model(folder / "run" / "model.safetensors", 4, 10, 3);
  EXPECT_EQ(ran.rounds[0].contributions[4].state, Contribution::State::failed);
  EXPECT_THAT(ran.rounds[0].contributions[4].reason, testing::Not(HasSubstr("secret-patient")));
}

TEST(SecureRun, ValuesBeyondTheClipAreCutAndTheSiteIsTold) {
  const TemporaryFolder folder;
  const Ran ran =
      run(config_text(folder.path(), 3, "", 1) + "[secure_aggregation]\nclip = 0.3\n", 10);
  ASSERT_EQ(ran.result.outcome, Outcome::finished) << ran.result.reason;
  const std::vector<float> model = load_safetensors(folder / "run" / "model.safetensors").values;
  // 0.25 times targets of 1, 2 and 3 at the first place, with weights 1, 2 and 1.
  EXPECT_NEAR(model[0], (0.25 + 2 * 0.3 + 0.3) / 4, 1e-6);
  EXPECT_THAT(ran.log, testing::Contains(HasSubstr("were cut at [secure_aggregation] clip")));
}

// The difference of two sums is one site's update: which one was opened outlives the process.
TEST(SecureVault, OpensOneSumARoundAlsoAfterARestart) {
  const TemporaryFolder folder;
  StoredResult result{
      .run = RunId{5}, .round = 2, .attempt = 1, .model = {}, .body = {}, .update = {}};
  const Digest sum{1}, other{2};
  LedgerVault(folder.path(), {.dataset = "a"}).open_sum(result, sum);
  LedgerVault again(folder.path(), {.dataset = "a"});
  again.open_sum(result, sum);
  EXPECT_THAT(problem_of([&] { again.open_sum(result, other); }).what, HasSubstr("another sum"));
  result.round = 1;
  EXPECT_THAT(problem_of([&] { again.open_sum(result, sum); }).what, HasSubstr("is over"));
  result.round = 3;
  again.open_sum(result, other);
  result.run = RunId{6};
  result.round = 1;
  again.open_sum(result, sum);
}

std::string refusal(const std::string& text) {
  const Problem problem = problem_of([&] { run(text, 10); });
  EXPECT_FALSE(problem.remedy.empty()) << problem.what;
  return problem.what + " @ " + problem.where;
}

TEST(SecureRun, IsRefusedWhereItCannotBeKept) {
  const TemporaryFolder folder;
  const auto text = [&](std::size_t sites, const std::string& more) {
    return config_text(folder.path(), sites, more);
  };
  EXPECT_THAT(refusal(text(2, "") + kSecure), HasSubstr("number of sites"));
  EXPECT_THAT(refusal(text(5, "min_sites = 3") + kSecure), HasSubstr("too few sites"));
  EXPECT_THAT(refusal(text(6, "") + kSecure + "threshold = 3\n"), HasSubstr("threshold"));
  EXPECT_THAT(refusal(text(3, "") + "[secure_aggregation]\nclip = 1000\nscale_bits = 52\n"),
              HasSubstr("overflow @ [secure_aggregation] scale_bits"));
  EXPECT_THAT(refusal(text(3, "") + "weighting = 'subjects'\n" + kSecure), HasSubstr("max_weight"));
  EXPECT_THAT(refusal(text(3, "") + kSecure + "[server]\nnorm_bound = 1\n"),
              HasSubstr("[server] norm_bound"));
  EXPECT_THAT(refusal(text(3, "") + kSecure +
                      "[privacy]\nunit = 'site'\nwhere = 'coordinator'\nclip = 1\nepsilon = 8\n"
                      "delta = 1e-3\n"),
              HasSubstr("[privacy] where"));
}

// Two sums of one round need threshold signers each, so 2t - n of the signers are the same ones,
// and one of them at least is honest.
TEST(SecureTerms, CountsOutWhoMayBeInLeagueWithTheCoordinator) {
  const auto honest = [](std::uint32_t sites, std::uint32_t threshold, std::uint32_t minimum,
                         std::optional<std::int64_t> colluding) {
    return SecureTerms{
        .sites = std::vector<std::string>(sites), .threshold = threshold, .minimum = minimum}
        .honest(colluding);
  };
  EXPECT_EQ(honest(5, 4, 4, {}), 3u);
  EXPECT_EQ(honest(5, 4, 5, 2), 3u);
  EXPECT_EQ(honest(3, 3, 3, {}), 2u);
  EXPECT_EQ(honest(3, 3, 3, 2), 1u);
  EXPECT_EQ(honest(10, 7, 8, {}), 5u);
  EXPECT_EQ(honest(10, 7, 8, 0), 8u);
  EXPECT_THROW(honest(5, 4, 5, 3), ConfigError);
  EXPECT_THROW(honest(3, 3, 3, 3), ConfigError) << "nobody would be left";
  EXPECT_THROW(honest(5, 4, 5, -1), ConfigError);
}

}  // namespace
}  // namespace collegium
