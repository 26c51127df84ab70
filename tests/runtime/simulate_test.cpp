// Simulations that leave a run folder behind.
#include <gmock/gmock.h>

#include "collegium/error.h"
#include "model/safetensors.h"
#include "privacy/foretold.h"
#include "runtime/simulate.h"
#include "store/database.h"
#include "support/temporary_folder.h"
#include "transport/toy_federation.h"

namespace collegium {
namespace {

using namespace toy;

std::string config_text(const std::filesystem::path& folder, int rounds, int sites,
                        const std::string& more = "") {
  std::string names;
  for (int i = 0; i < sites; ++i)
    names += (i ? ", \"" : "\"") + site_name(static_cast<std::size_t>(i)) + "\"";
  return "[federation]\nname = \"toy\"\nrounds = " + std::to_string(rounds) + "\nsites = [" +
         names + "]\n[run]\nfolder = '" + folder.string() + "'\n[training]\nlocal_steps = 2\n" +
         more;
}

StartModel start_of(std::size_t size) {
  return {.layout = layout_of(size), .values = std::vector<float>(size, 0.0f)};
}

DriverResult simulate_toy(const std::string& text, std::size_t size, const RunEvents& events = {},
                          const StopHandle& stop = {}) {
  const FederationConfig config = FederationConfig::read(Settings::parse(text, "toy.toml"));
  std::vector<SimulatedSite> sites;
  for (std::size_t i = 0; i < config.sites.size(); ++i)
    sites.push_back({config.sites[i], std::make_shared<ToyTrainer>(i, size)});
  return simulate(config, sites, start_of(size), 2, events, stop);
}

double number(const std::filesystem::path& folder, const std::string& sql) {
  const Database database(folder / "run.db", Database::Mode::read_only);
  Statement row = database.prepare(sql);
  return row.next() ? row.number(0) : -1;
}

std::string text(const std::filesystem::path& folder, const std::string& sql) {
  const Database database(folder / "run.db", Database::Mode::read_only);
  Statement row = database.prepare(sql);
  return row.next() ? row.text(0) : "no row";
}

TEST(Simulate, LeavesItsHistoryAndItsModel) {
  const TemporaryFolder folder;
  const DriverResult result = simulate_toy(config_text(folder / "run", 3, 2), 10);
  EXPECT_EQ(result.outcome, Outcome::finished) << result.reason;
  EXPECT_EQ(text(folder / "run", "SELECT value FROM meta WHERE key = 'state'"), "finished");
  EXPECT_EQ(text(folder / "run", "SELECT value FROM meta WHERE key = 'simulation'"), "1");
  EXPECT_EQ(number(folder / "run", "SELECT count(*) FROM round WHERE state = 'closed'"), 3);
  EXPECT_EQ(number(folder / "run", "SELECT count(*) FROM contribution WHERE state = 'accepted'"),
            6);
  EXPECT_EQ(number(folder / "run", "SELECT count(*) FROM site WHERE software <> ''"), 2);
  EXPECT_EQ(number(folder / "run", "SELECT value FROM metric WHERE round = 0 AND site = 'site-1'"),
            0);
  EXPECT_GT(number(folder / "run", "SELECT value FROM metric WHERE round = 3 AND site = 'site-1'"),
            0)
      << "the final model is evaluated too";
  EXPECT_GT(number(folder / "run", "SELECT count(*) FROM event WHERE text LIKE 'round 3 closed%'"),
            0);
  const StoredModel model = load_safetensors(folder / "run" / "model.safetensors");
  const std::vector<double> expected = expected_model(2, 10, 3);
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(model.values[i], expected[i], 1e-5);
}

TEST(Simulate, AStopLeavesTheClosedRounds) {
  const TemporaryFolder folder;
  StopHandle stop;
  RunEvents events;
  events.on_round = [&](const RoundRecord& record) {
    if (record.round == 4) stop.request();
  };
  EXPECT_EQ(simulate_toy(config_text(folder / "run", 900, 2), 10, events, stop).outcome,
            Outcome::stopped);
  EXPECT_EQ(text(folder / "run", "SELECT value FROM meta WHERE key = 'state'"), "stopped");
  EXPECT_GE(number(folder / "run", "SELECT max(number) FROM round WHERE state = 'closed'"), 4);
}

template <class Call>
std::string complaint(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

// What a trainer charges whose noise comes from a test key stands in the ledger, in the run and in
// every model.
TEST(Simulate, NoiseThatCanBeForetoldIsCalledNotPrivateEverywhere) {
  const TemporaryFolder folder;
  const std::string privacy = "[privacy]\nnoise_multiplier = 1.0\ndelta = 1e-3\n";
  const FederationConfig config =
      FederationConfig::read(Settings::parse(config_text(folder / "run", 2, 1, privacy), "toy"));
  const auto trainer = std::make_shared<ToyTrainer>(0, 10);
  trainer->charge = charged_for(
      {.kind = PrivacyEvent::Kind::sampled_gaussian, .noise_multiplier = 1.0, .count = 2}, false);
  EXPECT_EQ(simulate(config, {{config.sites[0], trainer, 100}}, start_of(10), 1, {}, {}).outcome,
            Outcome::finished);
  const Database ledger(folder / "run" / "sites" / config.sites[0] / "site.db",
                        Database::Mode::read_only);
  Statement charges = ledger.prepare("SELECT count(*) FROM charge WHERE events LIKE ?");
  charges.bind(std::string("%") + kNotPrivate + "%");
  ASSERT_TRUE(charges.next());
  EXPECT_EQ(charges.integer(0), 3) << "the schedule and two rounds";
  EXPECT_EQ(number(folder / "run", "SELECT count(*) FROM contribution WHERE epsilon > 1e300"), 2);
  EXPECT_THAT(text(folder / "run", "SELECT value FROM meta WHERE key = 'privacy'"),
              testing::HasSubstr("NOT PRIVATE"));
  const std::string checkpoint = text(folder / "run", "SELECT model FROM round WHERE number = 1");
  for (const std::string& file : {std::string("model.safetensors"), checkpoint})
    EXPECT_THAT(load_safetensors(folder / "run" / file).metadata.at("collegium.privacy"),
                testing::HasSubstr("NOT PRIVATE"))
        << file;
}

TEST(Simulate, AModelWithoutUnboundedReleasesHasNoSuchStamp) {
  const TemporaryFolder folder;
  simulate_toy(config_text(folder / "run", 2, 2), 10);
  EXPECT_EQ(
      load_safetensors(folder / "run" / "model.safetensors").metadata.count("collegium.privacy"),
      0u);
}

TEST(Simulate, AFolderIsNeverSharedByTwoRuns) {
  const TemporaryFolder folder;
  simulate_toy(config_text(folder / "run", 2, 2), 10);
  EXPECT_THAT(complaint([&] { simulate_toy(config_text(folder / "run", 2, 2), 10); }),
              testing::HasSubstr("choose another"));
}

TEST(Simulate, WrongPluginSettingsAreSaidBeforeAnythingStarts) {
  const TemporaryFolder folder;
  EXPECT_THAT(complaint([&] {
                simulate_toy(
                    config_text(folder / "run", 2, 2, "[aggregator]\nname = \"wighted_mean\"\n"),
                    10);
              }),
              testing::HasSubstr("weighted_mean"));
  EXPECT_FALSE(std::filesystem::exists(folder / "run"))
      << "no folder is made for a run that cannot be";
  EXPECT_THAT(complaint([&] {
                simulate_toy(config_text(folder / "run", 2, 2, "[mechanism]\nname = \"no_such\"\n"),
                             10);
              }),
              testing::HasSubstr("no_such"));
}

}  // namespace
}  // namespace collegium
