// Secure aggregation over ZeroMQ with keys in files, as it runs between a server and hospitals.
#include <gmock/gmock.h>

#include <future>
#include <mutex>

#include "runtime/join.h"
#include "runtime/secure_federation.h"
#include "runtime/serve.h"
#include "support/temporary_folder.h"
#include "transport/keys.h"

namespace collegium {
namespace {

using namespace toy;
using testing::HasSubstr;

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
  for (const RoundRecord& round : rounds_) {  // it left, instead of failing in every round
    EXPECT_EQ(round.contributions[3].code, "unable");
    EXPECT_THAT(round.contributions[3].reason, HasSubstr("[site] peers"));
  }
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
