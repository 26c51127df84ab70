// Secure aggregation from the configuration to the model: in one process, and over ZeroMQ with keys
// in files.
#include <gmock/gmock.h>

#include <future>
#include <mutex>

#include "model/safetensors.h"
#include "runtime/join.h"
#include "runtime/ledger_vault.h"
#include "runtime/serve.h"
#include "runtime/simulate.h"
#include "store/run_store.h"
#include "support/expect_problem.h"
#include "support/temporary_folder.h"
#include "transport/keys.h"
#include "transport/toy_federation.h"

namespace collegium {
namespace {

using namespace toy;
using testing::HasSubstr;

std::string config_text(const std::filesystem::path& folder, std::size_t sites,
                        const std::string& more, int rounds = 3) {
  std::string names;
  for (std::size_t i = 0; i < sites; ++i) names += (i ? ", '" : "'") + site_name(i) + "'";
  return "[federation]\nname = 'toy'\nrounds = " + std::to_string(rounds) + "\nsites = [" + names +
         "]\nround_deadline = 60\n" + more + "\n[run]\nfolder = '" + (folder / "run").string() +
         "'\n[training]\nlocal_steps = 2\n";
}

const std::string kSecure = "[secure_aggregation]\nclip = 4\n";

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

void expect_model(const std::filesystem::path& file, std::size_t sites, std::size_t size,
                  std::uint64_t rounds) {
  const std::vector<float> model = load_safetensors(file).values;
  const std::vector<double> expected = expected_model(sites, size, rounds);
  ASSERT_EQ(model.size(), size);
  for (std::size_t i = 0; i < size; ++i) ASSERT_NEAR(model[i], expected[i], 2e-6) << i;
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

// ---- between processes

struct Hospital {
  std::filesystem::path folder;
  SiteConfig config;
  std::shared_ptr<ToyTrainer> trainer;
};

// Keys as files, as people exchange them: the coordinator has those of the sites, each site those
// of the others and the coordinator's.
class SecureLine : public testing::Test {
 protected:
  static constexpr std::size_t kSites = 4;

  void SetUp() override {
    std::filesystem::create_directories(folder_ / "sites");
    KeyPair::generate("server").save(folder_ / "server");
    for (std::size_t i = 0; i < kSites; ++i) {
      const KeyPair pair = KeyPair::generate(site_name(i));
      pair.save(folder_ / site_name(i));
      pair.public_half().save(folder_ / "sites" / (site_name(i) + ".public"));
    }
    const Layout layout = layout_of(size_);
    save_safetensors(folder_ / "initial.safetensors", layout, std::vector<float>(size_, 0.0f), {});
  }

  std::string federation(const std::string& more) {
    return config_text(folder_.path(), kSites, more, 2) + kSecure + "[network]\ninitial = '" +
           (folder_ / "initial.safetensors").string() + "'\n[server]\nsecret = '" +
           (folder_ / "server" / "server.secret").string() + "'\nsite_keys = '" +
           (folder_ / "sites").string() + "'\n";
  }

  SiteConfig site(std::size_t index, const std::string& address) {
    SiteConfig config;
    config.name = site_name(index);
    config.server = address;
    config.server_key = folder_ / "server" / "server.public";
    config.secret = folder_ / site_name(index) / (site_name(index) + ".secret");
    config.state = folder_ / site_name(index) / "state";
    config.peers = folder_ / "sites";
    return config;
  }

  // The coordinator's outcome; what the sites and it said.
  DriverResult run(const std::string& text, const std::function<void(SiteConfig&)>& change = {}) {
    std::promise<std::string> address;
    RunEvents events;
    bool told = false;
    events.on_log = [&](const LogEvent& event) {
      note(event);
      const std::string start = "listening on ";
      if (!told && event.text.starts_with(start)) {
        told = true;
        address.set_value(event.text.substr(start.size()));
      }
    };
    events.on_round = [&](const RoundRecord& record) { rounds_.push_back(record); };
    StopHandle stop;
    auto coordinator = std::async(std::launch::async, [&] {
      try {
        FederationConfig config = FederationConfig::read(Settings::parse(text, "toy.toml"));
        config.server.address = "tcp://127.0.0.1:*";
        return serve(config, events, stop);
      } catch (...) {
        if (!told) address.set_exception(std::current_exception());
        throw;
      }
    });
    const std::string at = address.get_future().get();
    std::vector<std::future<DriverResult>> sites;
    RunEvents site_events;
    site_events.on_log = [&](const LogEvent& event) { note(event); };
    for (std::size_t i = 0; i < kSites; ++i)
      sites.push_back(std::async(std::launch::async, [&, i] {
        SiteConfig config = site(i, at);
        if (change) change(config);
        const auto trainer = std::make_shared<ToyTrainer>(i, size_);
        try {
          return join(
              config, [&](const at_site::Prepare&) { return trainer; }, site_events, stop);
        } catch (...) {  // nobody would wait for it in vain
          stop.request();
          throw;
        }
      }));
    const DriverResult result = coordinator.get();
    stop.request();
    for (auto& one : sites) one.get();
    return result;
  }

  void note(const LogEvent& event) {
    const std::lock_guard lock(noting_);
    log_.push_back(event.site + ": " + event.text);
  }

  TemporaryFolder folder_;
  std::size_t size_ = 300'000;
  std::vector<RoundRecord> rounds_;
  std::mutex noting_;
  std::vector<std::string> log_;
};

TEST_F(SecureLine, EndsWithTheModelOfPlainRuns) {
  const DriverResult result = run(federation(""));
  ASSERT_EQ(result.outcome, Outcome::finished) << result.reason;
  expect_model(folder_ / "run" / "model.safetensors", kSites, size_, 2);
  for (const RoundRecord& round : rounds_)
    for (const Contribution& one : round.contributions) EXPECT_EQ(one.weight, 1);
}

TEST_F(SecureLine, ASiteThatPinnedNobodyTakesNoPartAndSaysHowToMendIt) {
  const DriverResult result = run(federation("min_sites = 3"), [](SiteConfig& config) {
    if (config.name == site_name(3)) config.peers.clear();
  });
  ASSERT_EQ(result.outcome, Outcome::finished) << result.reason;
  expect_model(folder_ / "run" / "model.safetensors", 3, size_, 2);
  EXPECT_THAT(rounds_[0].contributions[3].reason, HasSubstr("[site] peers"));
}

// A coordinator with another key for one of the sites, its own say, is found out by all the others.
TEST_F(SecureLine, OtherKeysThanThePinnedOnesEndEverySum) {
  std::filesystem::create_directories(folder_ / "pinned");
  for (std::size_t i = 0; i < kSites; ++i) {
    const std::string name = site_name(i) + ".public";
    if (i == 2)
      KeyPair::generate(site_name(i)).public_half().save(folder_ / "pinned" / name);
    else
      std::filesystem::copy_file(folder_ / "sites" / name, folder_ / "pinned" / name);
  }
  const DriverResult result = run(federation("min_sites = 3"), [&](SiteConfig& config) {
    if (config.name != site_name(2)) config.peers = folder_ / "pinned";
  });
  EXPECT_EQ(result.outcome, Outcome::failed);
  EXPECT_TRUE(rounds_.empty() || !rounds_.back().closed);
}

// A coordinator that leaves sites out has fewer of them to be in league with.
TEST_F(SecureLine, ASiteRefusesASumWithoutEverySiteItPinned) {
  std::filesystem::create_directories(folder_ / "pinned");
  std::filesystem::copy(folder_ / "sites", folder_ / "pinned");
  KeyPair::generate("left-out").public_half().save(folder_ / "pinned" / "left-out.public");
  const DriverResult result = run(federation("min_sites = 3"), [&](SiteConfig& config) {
    if (config.name == site_name(1)) config.peers = folder_ / "pinned";
  });
  ASSERT_EQ(result.outcome, Outcome::finished) << result.reason;
  EXPECT_EQ(rounds_[0].contributions[1].state, Contribution::State::failed);
  EXPECT_THAT(rounds_[0].contributions[1].reason, HasSubstr("leaves out a site"));
}

TEST_F(SecureLine, ASiteThatRequiresSumsRefusesToGiveItsUpdate) {
  std::string plain = federation("min_sites = 3");
  plain.erase(plain.find(kSecure), kSecure.size());
  const DriverResult result = run(plain, [](SiteConfig& config) {
    if (config.name == site_name(0)) config.policy.secure_aggregation = "required";
  });
  ASSERT_EQ(result.outcome, Outcome::finished) << result.reason;
  EXPECT_EQ(rounds_[0].contributions[0].state, Contribution::State::failed);
  EXPECT_THAT(rounds_[0].contributions[0].reason, HasSubstr("leave only in sums"));
}

}  // namespace
}  // namespace collegium
