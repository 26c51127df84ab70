// Whole federations over CURVE sockets on loopback.
#include "transport/zmq_federation.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/temporary_folder.h"
#include "transport/in_process_driver.h"

namespace collegium {
namespace {

using namespace toy;

std::vector<float> in_process_model(const Setting& setting) {
  RunWork work(work_options(setting));
  Coordinator coordinator(coordinator_options(setting), {0, initial_model(setting), {}});
  std::vector<std::unique_ptr<ToySite>> sites;
  std::vector<InProcessSite> members;
  for (std::size_t i = 0; i < setting.sites; ++i) {
    sites.push_back(std::make_unique<ToySite>(i, setting));
    members.push_back({sites.back()->name, &sites.back()->machine, &sites.back()->work});
  }
  InProcessDriver driver({.threads = 2, .stop = {}}, coordinator, work, std::move(members));
  EXPECT_EQ(driver.run().outcome, Outcome::finished);
  return values_of(work.model());
}

struct Deployed {
  DriverResult result;
  std::vector<DriverResult> sites;
  std::vector<float> model;
};

Deployed deploy(const Setting& setting) {
  const Keys keys(setting.sites);
  RunningCoordinator coordinator(setting, keys);
  std::vector<std::unique_ptr<RunningSite>> sites;
  for (std::size_t i = 0; i < setting.sites; ++i) {
    sites.push_back(std::make_unique<RunningSite>(i, setting, keys, coordinator.driver.address()));
    sites.back()->start();
  }
  Deployed outcome;
  outcome.result = coordinator.driver.run();
  outcome.model = values_of(coordinator.work.model());
  for (auto& site : sites) outcome.sites.push_back(site->result());
  return outcome;
}

TEST(Deployed, ASmallModelEndsWithTheSameBitsAsInProcess) {
  const Setting setting{.sites = 4, .size = 10, .rounds = 5};
  const Deployed run = deploy(setting);
  EXPECT_EQ(run.result.outcome, Outcome::finished) << run.result.reason;
  for (const DriverResult& site : run.sites)
    EXPECT_EQ(site.outcome, Outcome::finished) << site.reason;
  EXPECT_TRUE(run.result.dropped.empty());
  EXPECT_EQ(run.model, in_process_model(setting));
}

TEST(Deployed, AModelOfManyChunksEndsWithTheSameBitsAsInProcess) {
  const Setting setting{
      .sites = 3, .size = 3'000'001, .rounds = 2};  // 11.4 MiB: more chunks than the credit window
  const Deployed run = deploy(setting);
  EXPECT_EQ(run.result.outcome, Outcome::finished) << run.result.reason;
  EXPECT_EQ(run.model, in_process_model(setting));
}

TEST(Deployed, AStrangerIsToldThatItsKeyIsUnknownAndDisturbsNobody) {
  const Setting setting{.sites = 2, .size = 10, .rounds = 3};
  const Keys keys(2);
  Keys others(2);
  others.server = keys.server;
  RunningCoordinator coordinator(setting, keys);
  RunningSite stranger(0, setting, others, coordinator.driver.address());
  RunningSite first(0, setting, keys, coordinator.driver.address());
  RunningSite second(1, setting, keys, coordinator.driver.address());
  stranger.start();
  auto running = std::async(std::launch::async, [&] { return coordinator.driver.run(); });
  const DriverResult refused = stranger.result();
  EXPECT_EQ(refused.outcome, Outcome::refused);
  EXPECT_THAT(refused.reason, testing::HasSubstr("send it site-1.public"));
  first.start();
  second.start();
  EXPECT_EQ(running.get().outcome, Outcome::finished);
  EXPECT_EQ(first.result().outcome, Outcome::finished);
  EXPECT_EQ(second.result().outcome, Outcome::finished);
}

TEST(Deployed, AStopReachesTheSites) {
  const Setting setting{.sites = 2, .size = 10, .rounds = 1'000'000};
  const Keys keys(2);
  std::promise<void> third;
  RunWork::Options options;
  options.on_round = [&](const RoundRecord& record) {
    if (record.round == 3) third.set_value();
  };
  RunningCoordinator coordinator(setting, keys, "tcp://127.0.0.1:*", std::move(options));
  RunningSite first(0, setting, keys, coordinator.driver.address());
  RunningSite second(1, setting, keys, coordinator.driver.address());
  first.start();
  second.start();
  auto running = std::async(std::launch::async, [&] { return coordinator.driver.run(); });
  third.get_future().wait();
  EXPECT_GE(coordinator.driver.snapshot().round, 3u);
  coordinator.stop.request();
  EXPECT_EQ(running.get().outcome, Outcome::stopped);
  EXPECT_EQ(first.result().outcome, Outcome::stopped);
  EXPECT_EQ(second.result().outcome, Outcome::stopped);
}

TEST(Deployed, ASiteThatLeavesIsMissingAndNamedAndMayComeBack) {
  const Setting setting{.sites = 3, .size = 10, .rounds = 400, .min_sites = 2};
  const Keys keys(3);
  std::vector<RoundRecord> rounds;
  std::promise<void> fifth, missed;
  RunWork::Options options;
  bool was_missing = false;
  options.on_round = [&](const RoundRecord& record) {
    rounds.push_back(record);
    if (record.round == 5) fifth.set_value();
    if (record.contributions[2].state == Contribution::State::missing &&
        !std::exchange(was_missing, true))
      missed.set_value();
  };
  RunningCoordinator coordinator(setting, keys, "tcp://127.0.0.1:*", std::move(options));
  const std::string address = coordinator.driver.address();
  RunningSite first(0, setting, keys, address), second(1, setting, keys, address);
  auto third = std::make_unique<RunningSite>(2, setting, keys, address);
  first.start();
  second.start();
  third->start();
  auto running = std::async(std::launch::async, [&] { return coordinator.driver.run(); });
  fifth.get_future().wait();
  third->stop.request();
  EXPECT_EQ(third->result().outcome, Outcome::stopped);
  missed.get_future().wait();
  third =
      std::make_unique<RunningSite>(2, setting, keys, address);  // the same key, another process
  third->start();
  EXPECT_EQ(running.get().outcome, Outcome::finished);
  EXPECT_EQ(third->result().outcome, Outcome::finished);
  EXPECT_EQ(rounds.size(), 400u);
  EXPECT_EQ(rounds.back().contributions[2].state, Contribution::State::accepted);
  EXPECT_GT(third->site.trainer->rounds_trained, 0);
}

// A site in a process of its own, killed in the middle of a round, comes back under its key and
// finishes the run.
TEST(Deployed, AKilledSiteComesBackUnderItsKey) {
  const Setting setting{.sites = 2, .size = 10, .rounds = 6};
  const Keys keys(2);
  TemporaryFolder folder;
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const std::string address = "ipc://" + (folder / "coordinator").string();
  const pid_t child = fork();
  if (child == 0) {  // trains two rounds, then hangs in the third
    RunningSite site(1, setting, keys, address);
    site.site.trainer->before_training = [&](const TrainTask& task) {
      if (task.round < 3) return;
      [[maybe_unused]] const auto told = write(pipe_ends[1], "3", 1);
      pause();
    };
    site.start();
    site.result();
    _exit(0);
  }
  RunningCoordinator coordinator(setting, keys, address);
  RunningSite first(0, setting, keys, address);
  first.start();
  auto running = std::async(std::launch::async, [&] { return coordinator.driver.run(); });
  char told = 0;
  ASSERT_EQ(read(pipe_ends[0], &told, 1), 1);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  RunningSite again(1, setting, keys, address);
  again.start();
  EXPECT_EQ(running.get().outcome, Outcome::finished);
  EXPECT_EQ(first.result().outcome, Outcome::finished);
  EXPECT_EQ(again.result().outcome, Outcome::finished);
  EXPECT_EQ(again.site.trainer->rounds_trained, 4) << "rounds 3 to 6";
  EXPECT_EQ(values_of(coordinator.work.model()), in_process_model(setting));
}

}  // namespace
}  // namespace collegium
