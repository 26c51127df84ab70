// Privacy of whole sites, from the configuration to the model that is handed out.
#include <gmock/gmock.h>

#include <cmath>
#include <mutex>

#include "collegium/vector_ops.h"
#include "model/safetensors.h"
#include "runtime/clipped_toys.h"
#include "runtime/simulate.h"
#include "store/run_store.h"
#include "support/temporary_folder.h"
#include "transport/toy_federation.h"

namespace collegium {
namespace {

using namespace toy;
using testing::HasSubstr;

struct Ran {
  DriverResult result;
  std::vector<float> model;  // after the last round, from zeros
  std::vector<RoundRecord> rounds;
  std::vector<std::string> log;
};

using Change = std::function<void(std::vector<std::shared_ptr<ToyTrainer>>&)>;

Ran run(const std::filesystem::path& folder, const std::string& privacy, int rounds, int sites,
        const Change& change = {}, int min_sites = 0) {
  std::string names;
  for (int i = 0; i < sites; ++i)
    names += (i ? ", '" : "'") + site_name(static_cast<std::size_t>(i)) + "'";
  const FederationConfig config = FederationConfig::read(
      Settings::parse("[federation]\nrounds = " + std::to_string(rounds) + "\nsites = [" + names +
                          "]\nmin_sites = " + std::to_string(min_sites ? min_sites : sites) +
                          "\n[run]\nfolder = '" + folder.string() +
                          "'\n[training]\nlocal_steps = 3\n[privacy]\nunit = 'site'\nclip = " +
                          std::to_string(kClip) + "\n" + privacy,
                      "toy.toml"));
  std::vector<std::shared_ptr<ToyTrainer>> trainers;
  std::vector<SimulatedSite> members;
  for (std::size_t i = 0; i < config.sites.size(); ++i) {
    trainers.push_back(std::make_shared<ToyTrainer>(i, kSize));
    members.push_back({config.sites[i], trainers.back()});
  }
  if (change) change(trainers);
  Ran ran;
  RunEvents events;
  events.on_round = [&](const RoundRecord& record) { ran.rounds.push_back(record); };
  std::mutex logging;  // sites log from threads of their own
  events.on_log = [&](const LogEvent& event) {
    const std::lock_guard lock(logging);
    ran.log.push_back(event.site + ": " + event.text);
  };
  ran.result = simulate(
      config, members, {.layout = toy::layout_of(kSize), .values = std::vector<float>(kSize, 0.0f)},
      2, events, {});
  if (std::filesystem::exists(folder / "model.safetensors"))
    ran.model = load_safetensors(folder / "model.safetensors").values;
  return ran;
}

TEST(SitePrivacy, EachSiteClipsItsUpdateAndAddsItsOwnNoise) {
  const TemporaryFolder folder;
  const Ran ran = run(folder / "run", "noise_multiplier = 5\ndelta = 1e-3", 1, 4);
  ASSERT_EQ(ran.result.outcome, Outcome::finished) << ran.result.reason;
  // Four independent draws of standard deviation 5 x 2, averaged.
  const double expected = std::pow(5 * kClip, 2) / 4;
  const double found = noise_variance(ran.model, clipped_mean(4, 4));
  EXPECT_NEAR(found / expected, 1, kTolerance);
  for (const Contribution& one : ran.rounds.at(0).contributions) {
    EXPECT_EQ(one.state, Contribution::State::accepted);
    EXPECT_EQ(one.weight, 3) << "local_steps, not what the site says";
    EXPECT_EQ(one.steps, 3);
    EXPECT_FALSE(one.loss.has_value());
    EXPECT_TRUE(one.metrics.empty());
    ASSERT_TRUE(one.epsilon.has_value());
  }
  EXPECT_TRUE(RunStore::open(folder / "run").releases().empty()) << "the coordinator adds nothing";
}

TEST(SitePrivacy, TheCoordinatorAddsItsNoiseOnceToTheMean) {
  const TemporaryFolder folder;
  const Ran ran =
      run(folder / "run", "where = 'coordinator'\nnoise_multiplier = 5\ndelta = 1e-3", 1, 4);
  ASSERT_EQ(ran.result.outcome, Outcome::finished) << ran.result.reason;
  // One draw: 5 x the sensitivity, clip x weight / (4 weights).
  const double expected = std::pow(5 * kClip / 4, 2);
  EXPECT_NEAR(noise_variance(ran.model, clipped_mean(4, 4)) / expected, 1, kTolerance);
}

// Whoever is missing, the denominator stays and the noise does too.
TEST(SitePrivacy, ADropoutLeavesNoLessNoiseThanWasCharged) {
  const TemporaryFolder folder;
  const auto last_fails = [](auto& trainers) {
    trainers[3]->before_training = [](const TrainTask&) {
      throw SystemError(Problem{.what = "the disk is gone"});
    };
  };
  const Ran ran = run(folder / "run", "where = 'coordinator'\nnoise_multiplier = 5\ndelta = 1e-3",
                      1, 4, last_fails, 2);
  ASSERT_EQ(ran.result.outcome, Outcome::finished) << ran.result.reason;
  EXPECT_EQ(ran.rounds.at(0).contributions.at(3).state, Contribution::State::failed);
  EXPECT_NEAR(noise_variance(ran.model, clipped_mean(3, 4)) / std::pow(5 * kClip / 4, 2), 1,
              kTolerance);
}

TEST(SitePrivacy, ChargesTheCoordinatorsRoundsBeforeTheyAreHandedOut) {
  const TemporaryFolder folder;
  const Ran ran =
      run(folder / "run", "where = 'coordinator'\nnoise_multiplier = 4\ndelta = 1e-3", 5, 3);
  ASSERT_EQ(ran.result.outcome, Outcome::finished) << ran.result.reason;
  const RunStore store = RunStore::open(folder / "run");
  const std::vector<ReleaseRow> releases = store.releases();
  ASSERT_EQ(releases.size(), 5u);
  for (const ReleaseRow& row : releases) {
    EXPECT_TRUE(row.released);
    EXPECT_EQ(row.event.noise_multiplier, 4);
    EXPECT_EQ(row.delta, 1e-3);
  }
  EXPECT_EQ(releases.back().model_hash, store.last_closed()->model.hash);
  // Balle and Wang 2018, Thm. 8, mu = sqrt(5) / 4, solved outside this program.
  EXPECT_NEAR(releases.back().epsilon, 1.5460470, 1e-5);
  EXPECT_GE(releases.back().epsilon, 1.5460470);
  EXPECT_LT(releases.front().epsilon, releases.back().epsilon);
}

TEST(SitePrivacy, TrainingThatFailsOnTheDataIsAnUpdateLikeAnyOther) {
  const TemporaryFolder folder;
  const auto last_fails = [](auto& trainers) {
    trainers[2]->before_training = [](const TrainTask&) {
      throw DataError(Problem{.what = "the loss of patient 7 is not finite"});
    };
  };
  const Ran ran = run(folder / "run", "noise_multiplier = 5\ndelta = 1e-3", 1, 3, last_fails);
  ASSERT_EQ(ran.result.outcome, Outcome::finished) << ran.result.reason;
  EXPECT_NEAR(noise_variance(ran.model, clipped_mean(2, 3)) / (std::pow(5 * kClip, 2) / 3), 1,
              kTolerance);
  const Contribution& one = ran.rounds.at(0).contributions.at(2);
  EXPECT_EQ(one.state, Contribution::State::accepted);
  EXPECT_EQ(one.code + one.reason + one.note, "") << "nothing of it leaves";
  EXPECT_THAT(ran.log, testing::Contains(HasSubstr("counts as zero"))) << "the site's own people";
}

}  // namespace
}  // namespace collegium
