// The coordinator as a process of its own: killed, started again, asked to stop.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "collegium/error.h"
#include "model/safetensors.h"
#include "support/temporary_folder.h"
#include "transport/coordinator_socket.h"
#include "transport/zmq_federation.h"

namespace collegium {
namespace {

using namespace toy;

constexpr std::size_t kSize = 10;

// An address on loopback whose port nobody has at the moment.
std::string free_address() {
  return CoordinatorSocket({.address = "tcp://127.0.0.1:*", .insecure = true}).address();
}

// Keys, the first model and federation.toml in a folder.
class Server : public testing::Test {
 protected:
  Server() : keys_(2) {
    std::filesystem::create_directories(folder_ / "sites");
    keys_.server.save(folder_.path());
    for (const KeyPair& key : keys_.site)
      key.public_half().save(folder_ / ("sites/" + key.name + ".public"));
    save_safetensors(folder_ / "initial.safetensors", layout_of(kSize),
                     std::vector<float>(kSize, 0.0f));
    write(6);
  }

  void write(int rounds, const std::string& more = "", const std::string& address = "") {
    std::ofstream(folder_ / "federation.toml")
        << "[federation]\nname = \"toy\"\nrounds = " << rounds
        << "\nsites = [\"site-1\", \"site-2\"]\n"
        << "[server]\naddress = \"" << (address.empty() ? address_ : address)
        << "\"\nsecret = \"server.secret\"\n"
        << "site_keys = \"sites\"\n[run]\nfolder = \"run\"\n[network]\ninitial = "
           "\"initial.safetensors\"\n"
        << "[training]\nlocal_steps = 2\n"
        << more;
  }

  // Starts collegium-server; its log goes to a file.
  pid_t start() {
    const pid_t child = fork();
    if (child == 0) {
      const std::string log = (folder_ / "server.log").string();
      if (!std::freopen(log.c_str(), "a", stderr)) _exit(99);
      const std::string file = (folder_ / "federation.toml").string();
      execl(COLLEGIUM_SERVER, "collegium-server", file.c_str(), static_cast<char*>(nullptr));
      _exit(98);
    }
    return child;
  }
  static int exit_code(pid_t child) {
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  std::string log() const {
    std::ifstream in(folder_ / "server.log");
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::unique_ptr<RunningSite> site(std::size_t index) {
    return std::make_unique<RunningSite>(index, Setting{.sites = 2, .size = kSize}, keys_,
                                         address_);
  }

  const TemporaryFolder folder_;
  const Keys keys_;
  const std::string address_ = free_address();
};

TEST_F(Server, RunsAFederationToItsEndAndLeavesTheModel) {
  const pid_t server = start();
  auto first = site(0), second = site(1);
  first->start();
  second->start();
  EXPECT_EQ(first->result().outcome, Outcome::finished);
  EXPECT_EQ(second->result().outcome, Outcome::finished);
  EXPECT_EQ(exit_code(server), 0) << log();
  const std::vector<double> expected = expected_model(2, kSize, 6);
  const StoredModel model = load_safetensors(folder_ / "run/model.safetensors");
  for (std::size_t i = 0; i < kSize; ++i) EXPECT_NEAR(model.values[i], expected[i], 1e-5);
  EXPECT_THAT(log(), testing::HasSubstr("round 6 closed with 2 of 2 sites"));
}

TEST_F(Server, KilledAndStartedAgainItGoesOnAfterTheLastClosedRound) {
  pid_t server = start();
  auto first = site(0), second = site(1);
  std::promise<void> fourth;
  bool told = false;
  first->site.trainer->before_training = [&](const TrainTask& task) {
    if (task.round == 4 && !std::exchange(told, true)) {
      kill(server, SIGKILL);
      waitpid(server, nullptr, 0);
      fourth.set_value();
    }
  };
  first->start();
  second->start();
  fourth.get_future().wait();
  server = start();
  EXPECT_EQ(first->result().outcome, Outcome::finished);
  EXPECT_EQ(second->result().outcome, Outcome::finished);
  EXPECT_EQ(exit_code(server), 0) << log();
  EXPECT_THAT(log(), testing::HasSubstr("going on after round 3"));
  EXPECT_EQ(first->site.trainer->rounds_trained, 6)
      << "what was trained in the fourth round is used, not trained again";
  const std::vector<double> expected = expected_model(2, kSize, 6);
  const StoredModel model = load_safetensors(folder_ / "run/model.safetensors");
  for (std::size_t i = 0; i < kSize; ++i) EXPECT_NEAR(model.values[i], expected[i], 1e-5);
}

TEST_F(Server, AnInterruptEndsItCleanlyAndTellsTheSites) {
  write(1'000'000);
  const pid_t server = start();
  auto first = site(0), second = site(1);
  std::promise<void> third;
  bool told = false;
  first->site.trainer->before_training = [&](const TrainTask& task) {
    if (task.round == 3 && !std::exchange(told, true)) third.set_value();
  };
  first->start();
  second->start();
  third.get_future().wait();
  kill(server, SIGINT);
  EXPECT_EQ(exit_code(server), 130) << log();
  EXPECT_EQ(first->result().outcome, Outcome::stopped);
  EXPECT_EQ(second->result().outcome, Outcome::stopped);
}

TEST_F(Server, ARoundWithoutSomebodyIsInTheLogAndInTheExitCode) {
  write(6, "", "");
  std::ofstream(folder_ / "federation.toml", std::ios::app) << "";
  std::string text;
  {
    std::ifstream in(folder_ / "federation.toml");
    text.assign(std::istreambuf_iterator<char>(in), {});
  }
  text.insert(text.find("rounds ="), "min_sites = 1\n");
  std::ofstream(folder_ / "federation.toml") << text;
  const pid_t server = start();
  auto first = site(0), second = site(1);
  second->site.trainer->before_training = [](const TrainTask& task) {
    if (task.round == 2) throw DataError(Problem{.what = "the volume is missing"});
  };
  first->start();
  second->start();
  EXPECT_EQ(first->result().outcome, Outcome::finished);
  EXPECT_EQ(second->result().outcome, Outcome::finished);
  EXPECT_EQ(exit_code(server), 1);
  EXPECT_THAT(log(), testing::HasSubstr("the volume is missing"));
}

TEST_F(Server, WhatIsMissingIsSaidBeforeItListens) {
  const auto refusal = [&] {
    std::filesystem::remove(folder_ / "server.log");
    EXPECT_EQ(exit_code(start()), 2);
    return log();
  };
  std::filesystem::rename(folder_ / "sites/site-2.public", folder_ / "site-2.public");
  EXPECT_THAT(refusal(), testing::AllOf(testing::HasSubstr("site-2"),
                                        testing::HasSubstr("collegium keys new")));
  std::filesystem::rename(folder_ / "site-2.public", folder_ / "sites/site-2.public");

  std::filesystem::permissions(folder_ / "server.secret", std::filesystem::perms(0644));
  EXPECT_THAT(refusal(), testing::HasSubstr("chmod 600"));
  std::filesystem::permissions(folder_ / "server.secret", std::filesystem::perms(0600));

  std::filesystem::remove(folder_ / "initial.safetensors");
  EXPECT_THAT(refusal(), testing::HasSubstr("collegium init"));

  write(6, "lerning_rate = 1\n");
  EXPECT_THAT(refusal(), testing::HasSubstr("federation.toml:"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run")) << "nothing was begun";
}

}  // namespace
}  // namespace collegium
