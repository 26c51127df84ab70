// [privacy] where = "sum": from the configuration to the model and the ledger, in one process.
#include <gmock/gmock.h>

#include <cmath>

#include "collegium/privacy.h"
#include "model/safetensors.h"
#include "privacy/accountant.h"
#include "runtime/clipped_toys.h"
#include "runtime/secure_federation.h"
#include "runtime/simulate.h"
#include "support/expect_problem.h"
#include "support/temporary_folder.h"
#include "transport/toy_federation.h"

namespace collegium {
namespace {

using namespace toy;
using testing::HasSubstr;

constexpr double kMultiplier = 5;

struct Ran {
  DriverResult result;
  std::vector<float> model;
  std::vector<RoundRecord> rounds;
};

std::string text(const std::filesystem::path& folder, const std::string& federation,
                 const std::string& privacy = "", int rounds = 1) {
  return config_text(folder, 5, federation, rounds) +
         "weighting = 'equal'\n[secure_aggregation]\nenabled = true\n[privacy]\nunit = "
         "'site'\nwhere = 'sum'\n"
         "clip = 2\nnoise_multiplier = 5\ndelta = 1e-3\n" +
         privacy;
}

Ran run(const std::filesystem::path& folder, const std::string& toml, bool last_fails = false) {
  const FederationConfig config = FederationConfig::read(Settings::parse(toml, "toy.toml"));
  std::vector<SimulatedSite> members;
  for (std::size_t i = 0; i < config.sites.size(); ++i) {
    const auto trainer = std::make_shared<ToyTrainer>(i, kSize);
    if (last_fails && i + 1 == config.sites.size())
      trainer->before_training = [](const TrainTask&) {
        throw SystemError(Problem{.what = "the disk is gone"});
      };
    members.push_back({config.sites[i], trainer});
  }
  Ran ran;
  RunEvents events;
  events.on_round = [&](const RoundRecord& record) { ran.rounds.push_back(record); };
  ran.result = simulate(config, members,
                        {.layout = layout_of(kSize), .values = std::vector<float>(kSize, 0.0f)}, 2,
                        events, {});
  if (std::filesystem::exists(folder / "run" / "model.safetensors"))
    ran.model = load_safetensors(folder / "run" / "model.safetensors").values;
  return ran;
}

// Of five sites, four in a sum at the least and one in league with the coordinator, three make up
// (z clip)^2: each adds a third of it, whoever is there.
TEST(NoiseOfTheSum, IsWhatTheFewestHonestSitesHaveToAddTogether) {
  const TemporaryFolder folder;
  const Ran ran = run(folder.path(), text(folder.path(), "min_sites = 4"));
  ASSERT_EQ(ran.result.outcome, Outcome::finished) << ran.result.reason;
  const double in_the_mean = 5.0 / 3 * std::pow(kMultiplier * kClip, 2) / 25;
  EXPECT_NEAR(noise_variance(ran.model, clipped_mean(5, 5)) / in_the_mean, 1, kTolerance);
}

TEST(NoiseOfTheSum, IsStillEnoughWhereASiteIsMissing) {
  const TemporaryFolder folder;
  const Ran ran = run(folder.path(), text(folder.path(), "min_sites = 4"), true);
  ASSERT_EQ(ran.result.outcome, Outcome::finished) << ran.result.reason;
  EXPECT_EQ(ran.rounds.at(0).contributions.at(4).state, Contribution::State::failed);
  const double in_the_mean = 4.0 / 3 * std::pow(kMultiplier * kClip, 2) / 16;
  EXPECT_NEAR(noise_variance(ran.model, clipped_mean(4, 4)) / in_the_mean, 1, kTolerance);
}

TEST(NoiseOfTheSum, CostsWhatTheGaussianMechanismDoes) {
  const TemporaryFolder folder;
  const Ran ran = run(folder.path(), text(folder.path(), "", "", 3));
  ASSERT_EQ(ran.rounds.size(), 3u);
  const double expected = epsilon(
      {{{.kind = PrivacyEvent::Kind::gaussian, .noise_multiplier = kMultiplier, .count = 3}}},
      1e-3);
  for (const RoundRecord& round : ran.rounds)
    for (const Contribution& one : round.contributions) {
      ASSERT_TRUE(one.epsilon.has_value());
      EXPECT_NEAR(*one.epsilon, expected, 1e-9 * expected);
    }
}

std::string refusal(const std::string& toml) {
  const TemporaryFolder folder;
  const Problem problem = problem_of([&] { run(folder.path(), toml); });
  EXPECT_FALSE(problem.remedy.empty()) << problem.what;
  return problem.what + " @ " + problem.where;
}

TEST(NoiseOfTheSum, IsRefusedWhereItCannotBeKept) {
  const TemporaryFolder folder;
  EXPECT_THAT(refusal(text(folder.path(), "", "colluding = 3\n")),
              HasSubstr("@ [privacy] colluding"));
  std::string alone = text(folder.path(), "");
  alone.replace(alone.find("enabled = true"), 14, "enabled = false");
  EXPECT_THAT(refusal(alone), HasSubstr("no sum to be noised"));
  std::string coarse = text(folder.path(), "");
  coarse.insert(coarse.find("[privacy]"), "scale_bits = -2\n");
  EXPECT_THAT(refusal(coarse), HasSubstr("no exact noise fits"));
}

}  // namespace
}  // namespace collegium
