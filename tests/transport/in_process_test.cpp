#include "transport/in_process_driver.h"

#include <gmock/gmock.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "transport/toy_federation.h"

namespace collegium {
namespace {

using namespace toy;

struct Simulated {
  DriverResult result;
  std::vector<float> model;
  std::vector<RoundRecord> rounds;
};

Simulated simulate(const Setting& setting, std::size_t threads,
                   const std::function<void(std::vector<std::unique_ptr<ToySite>>&)>& change = {}) {
  Simulated outcome;
  auto options = work_options(setting);
  options.on_round = [&](const RoundRecord& record) { outcome.rounds.push_back(record); };
  RunWork work(std::move(options));
  Coordinator coordinator(coordinator_options(setting), {0, initial_model(setting), {}});
  std::vector<std::unique_ptr<ToySite>> sites;
  std::vector<InProcessSite> members;
  for (std::size_t i = 0; i < setting.sites; ++i) {
    sites.push_back(std::make_unique<ToySite>(i, setting));
    members.push_back({sites.back()->name, &sites.back()->machine, &sites.back()->work});
  }
  if (change) change(sites);
  InProcessDriver driver({.threads = threads, .stop = {}}, coordinator, work, std::move(members));
  outcome.result = driver.run();
  outcome.model = values_of(work.model());
  return outcome;
}

TEST(InProcess, FollowsTheClosedForm) {
  const Setting setting{.sites = 5, .size = 10, .rounds = 6};
  const Simulated run = simulate(setting, 2);
  EXPECT_EQ(run.result.outcome, Outcome::finished) << run.result.reason;
  const std::vector<double> expected = expected_model(5, 10, 6);
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(run.model[i], expected[i], 1e-5);
}

TEST(InProcess, TellsWhatEverySiteGaveToEveryRound) {
  const Simulated run = simulate({.sites = 3, .size = 10, .rounds = 2}, 1);
  ASSERT_EQ(run.rounds.size(), 2u);
  for (const RoundRecord& round : run.rounds) {
    EXPECT_TRUE(round.closed);
    ASSERT_EQ(round.contributions.size(), 3u);
    for (std::size_t i = 0; i < 3; ++i) {
      const Contribution& one = round.contributions[i];
      EXPECT_EQ(one.site, site_name(i));
      EXPECT_EQ(one.state, Contribution::State::accepted);
      EXPECT_EQ(one.weight, static_cast<double>(1 + i % 2));
      EXPECT_EQ(one.steps, 2);
      ASSERT_EQ(one.metrics.size(), 1u);
    }
  }
  EXPECT_EQ(run.rounds[0].contributions[0].metrics[0].value, 0.0)
      << "metrics are of the model that was handed out";
  EXPECT_GT(run.rounds[1].contributions[0].metrics[0].value, 0.0);
}

TEST(InProcess, TheNumberOfThreadsDoesNotChangeABit) {
  const Setting small{.sites = 7, .size = 33, .rounds = 5};
  const std::vector<float> one = simulate(small, 1).model;
  for (std::size_t threads : {2, 3, 8}) EXPECT_EQ(simulate(small, threads).model, one) << threads;
  const Setting large{
      .sites = 4, .size = 600'000, .rounds = 2};  // travels as a blob, not inside messages
  EXPECT_EQ(simulate(large, 1).model, simulate(large, 3).model);
}

TEST(InProcess, ASiteThatCannotTrainIsNamedAndTheOthersGoOn) {
  const Setting setting{.sites = 3, .size = 10, .rounds = 2, .min_sites = 2};
  const Simulated run = simulate(setting, 2, [](auto& sites) {
    sites[1]->trainer->before_training = [](const TrainTask&) {
      throw DataError(Problem{.what = "the volume is missing"});
    };
  });
  EXPECT_EQ(run.result.outcome, Outcome::finished) << run.result.reason;
  ASSERT_EQ(run.rounds.size(), 2u);
  const Contribution& failed = run.rounds[0].contributions[1];
  EXPECT_EQ(failed.state, Contribution::State::failed);
  EXPECT_THAT(failed.reason, testing::HasSubstr("the volume is missing"));
}

TEST(InProcess, AnAggregatorThatFailsEndsTheRunWithItsReason) {
  class Broken final : public Aggregator {
   public:
    Traits traits() const override { return {}; }
    void accumulate(const Update&) override {
      throw PluginError(Problem{.what = "this aggregator is broken"});
    }
    void merge(Aggregator&) override {}
    void finish(std::span<float>) override {}
  };
  const Setting setting{.sites = 2, .size = 10, .rounds = 2};
  auto options = work_options(setting);
  options.aggregator = [] { return std::make_unique<Broken>(); };
  RunWork work(std::move(options));
  Coordinator coordinator(coordinator_options(setting), {0, initial_model(setting), {}});
  ToySite first(0, setting), second(1, setting);
  InProcessDriver driver(
      {}, coordinator, work,
      {{first.name, &first.machine, &first.work}, {second.name, &second.machine, &second.work}});
  const DriverResult result = driver.run();
  EXPECT_EQ(result.outcome, Outcome::failed);
  EXPECT_THAT(result.reason, testing::HasSubstr("this aggregator is broken"));
}

// A gate that training waits at until the test opens it.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void wait_for_somebody() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_ > 0; });
  }
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  bool open_ = false;
};

TEST(InProcess, CanBeLookedAtAndStoppedWhileItTrains) {
  const Setting setting{.sites = 2, .size = 10, .rounds = 1000};
  RunWork work(work_options(setting));
  Coordinator coordinator(coordinator_options(setting), {0, initial_model(setting), {}});
  ToySite first(0, setting), second(1, setting);
  Gate gate;
  first.trainer->before_training = [&](const TrainTask& task) {
    if (task.round == 3) gate.pass();
  };
  StopHandle stop;
  InProcessDriver driver(
      {.threads = 2, .stop = stop}, coordinator, work,
      {{first.name, &first.machine, &first.work}, {second.name, &second.machine, &second.work}});
  EXPECT_EQ(driver.snapshot().phase, CoordinatorSnapshot::Phase::starting);
  auto result = std::async(std::launch::async, [&] { return driver.run(); });
  gate.wait_for_somebody();
  const CoordinatorSnapshot snapshot = driver.snapshot();
  EXPECT_EQ(snapshot.round, 3u);
  ASSERT_EQ(snapshot.sites.size(), 2u);
  EXPECT_EQ(snapshot.sites[0].state, SiteView::State::working);
  stop.request();
  gate.open();
  EXPECT_EQ(result.get().outcome, Outcome::stopped);
  EXPECT_LT(first.trainer->rounds_trained, 5);
  EXPECT_EQ(driver.snapshot().phase, CoordinatorSnapshot::Phase::done);
}

TEST(InProcess, AStopAskedForBeforeTheStartIsHeard) {
  const Setting setting{.sites = 2, .size = 10, .rounds = 1000};
  RunWork work(work_options(setting));
  Coordinator coordinator(coordinator_options(setting), {0, initial_model(setting), {}});
  ToySite first(0, setting), second(1, setting);
  StopHandle stop;
  stop.request();
  InProcessDriver driver(
      {.threads = 2, .stop = stop}, coordinator, work,
      {{first.name, &first.machine, &first.work}, {second.name, &second.machine, &second.work}});
  EXPECT_EQ(driver.run().outcome, Outcome::stopped);
}

}  // namespace
}  // namespace collegium
