// A captured network's file on its way to the sites, over CURVE sockets on loopback.
#include <gmock/gmock.h>

#include <thread>

#include "federation/bodies.h"
#include "transport/zmq_federation.h"

namespace collegium {
namespace {

using namespace toy;
using testing::HasSubstr;

constexpr std::size_t kBig = 5 * kChunkSize + 17;  // bytes: more than one message, and a rest

SharedBlob file_of(std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + i / 251);
  return std::make_shared<const Blob>(Blob::of(Bytes::owning(std::move(bytes))));
}

CoordinatorOptions with_file(const Setting& setting, const SharedBlob& file) {
  CoordinatorOptions options = coordinator_options(setting);
  options.network.set("name", "graph");
  options.network.set("graph", file->id.to_settings());
  options.network_file = file;
  return options;
}

struct Served {
  Served(const Setting& setting, const Keys& keys, const SharedBlob& file,
         const std::string& address = "tcp://127.0.0.1:*")
      : work(work_options(setting)),
        machine(with_file(setting, file), {0, initial_model(setting), {}}),
        driver({.address = address,
                .key = keys.server,
                .roster = keys.roster,
                .run = coordinator_options(setting).run,
                .stop = stop},
               machine, work) {}

  StopHandle stop;
  RunWork work;
  Coordinator machine;
  ZmqCoordinatorDriver driver;
};

// A site whose network comes from the coordinator: what it built, it built from `built`.
struct Fetching {
  Fetching(std::size_t index, const Setting& setting, const Keys& keys, const std::string& address,
           PolicyCheck policy = {})
      : work(work_for(index, setting)),
        machine(options_for(index, setting, std::move(policy))),
        driver({.address = address,
                .name = site_name(index),
                .key = keys.site[index],
                .server_key = keys.server.public_half(),
                .stop = stop},
               machine, work) {}

  TrainerWork::Options work_for(std::size_t index, const Setting& setting) {
    TrainerWork::Options options{.site = site_name(index)};
    options.find_network = [this](const BlobId& id) {
      return kept && matches(id, *kept) ? kept : std::nullopt;
    };
    options.keep_network = [this](const BlobId&, const Bytes& file) { kept = file; };
    options.prepare = [this, index, setting](const at_site::Prepare& run) {
      built = run.file;
      if (refuses) throw ConfigError({.what = "[policy.graph] nodes is too low for this network"});
      return std::make_shared<ToyTrainer>(index, setting.size);
    };
    return options;
  }
  static SiteOptions options_for(std::size_t index, const Setting& setting, PolicyCheck policy) {
    SiteOptions options = ToySite::options_for(site_name(index), setting);
    options.layout = "";
    options.policy = std::move(policy);
    options.result_after = 0.05;
    return options;
  }
  void start() {
    running = std::async(std::launch::async, [this] { return driver.run(); });
  }

  StopHandle stop;
  std::optional<Bytes> kept;
  Bytes built;
  bool refuses = false;
  TrainerWork work;
  Site machine;
  ZmqSiteDriver driver;
  std::future<DriverResult> running;
};

TEST(NetworkFile, ReachesEverySiteInPiecesAndIsKept) {
  const Setting setting{.sites = 2, .size = 10, .rounds = 3};
  const Keys keys(setting.sites);
  const SharedBlob file = file_of(kBig);
  Served coordinator(setting, keys, file);
  Fetching first(0, setting, keys, coordinator.driver.address());
  Fetching second(1, setting, keys, coordinator.driver.address());
  first.start();
  second.start();
  EXPECT_EQ(coordinator.driver.run().outcome, Outcome::finished);
  for (Fetching* site : {&first, &second}) {
    EXPECT_EQ(site->running.get().outcome, Outcome::finished);
    EXPECT_TRUE(matches(file->id, site->built));
    ASSERT_TRUE(site->kept);
    EXPECT_TRUE(matches(file->id, *site->kept));
  }
}

TEST(NetworkFile, IsTakenFromTheSiteItselfTheSecondTime) {
  const Setting setting{.sites = 1, .size = 10, .rounds = 1};
  const Keys keys(1);
  const SharedBlob file = file_of(kBig);
  Served coordinator(setting, keys, file);
  Fetching site(0, setting, keys, coordinator.driver.address());
  site.kept = file->bytes;
  site.start();
  EXPECT_EQ(coordinator.driver.run().outcome, Outcome::finished);
  EXPECT_EQ(site.running.get().outcome, Outcome::finished);
  EXPECT_LT(coordinator.machine.snapshot().sites.at(0).bytes_out, kBig);
}

TEST(NetworkFile, ThatAPolicyRefusesIsNamedAtBothEndsAndNobodyWaits) {
  const Setting setting{.sites = 1, .size = 10, .rounds = 1};
  const Keys keys(1);
  Served coordinator(setting, keys, file_of(kBig));
  Fetching site(0, setting, keys, coordinator.driver.address(), [](const Settings&) {
    return PolicyRefusal{"models", "none of these here"};
  });
  site.start();
  const DriverResult ended = coordinator.driver.run();
  EXPECT_EQ(ended.outcome, Outcome::failed);
  EXPECT_THAT(ended.reason, HasSubstr("site-1"));
  EXPECT_THAT(site.running.get().reason, HasSubstr("(models): none of these here"));
  EXPECT_TRUE(site.built.empty());
}

TEST(NetworkFile, ThatCannotBeBuiltIsNamedAtBothEndsAndNobodyWaits) {
  const Setting setting{.sites = 1, .size = 10, .rounds = 1};
  const Keys keys(1);
  RunWork::Options options = work_options(setting);
  std::string said;
  options.on_log = [&](const LogEvent& event) { said += event.text + "\n"; };
  Served coordinator(setting, keys, file_of(kBig));
  Fetching site(0, setting, keys, coordinator.driver.address());
  site.refuses = true;
  site.start();
  EXPECT_EQ(coordinator.driver.run().outcome, Outcome::failed);
  EXPECT_THAT(site.running.get().reason, HasSubstr("[policy.graph] nodes"));
  EXPECT_THAT(coordinator.machine.snapshot().sites.at(0).reason, HasSubstr("[policy.graph] nodes"));
}

// What the name promises is not what the coordinator sends.
TEST(NetworkFile, WithFalseBytesIsGivenUpAfterAFewTries) {
  const Setting setting{.sites = 1, .size = 10, .rounds = 1};
  const Keys keys(1);
  auto forged = std::make_shared<Blob>(*file_of(kBig));
  std::vector<std::uint8_t> bytes(forged->bytes.view.begin(), forged->bytes.view.end());
  bytes[2 * kChunkSize] ^= 1;
  forged->bytes = Bytes::owning(std::move(bytes));
  Served coordinator(setting, keys, forged);
  Fetching site(0, setting, keys, coordinator.driver.address());
  site.start();
  EXPECT_EQ(coordinator.driver.run().outcome, Outcome::failed);
  EXPECT_THAT(site.running.get().reason, HasSubstr("not the one its hash names"));
  EXPECT_TRUE(site.built.empty());
}

}  // namespace
}  // namespace collegium
