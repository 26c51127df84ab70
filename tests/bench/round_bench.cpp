// How long a round lasts when there is nothing to do: 10 floats, 10 sites, a trainer that only
// copies. Deployed: over CURVE on loopback, each site with sockets and threads of its own, all in
// this process. Beside it the raw ZeroMQ round trip under CURVE, measured in the same minute: a
// round cannot be faster than one of them.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "runtime/store_journal.h"
#include "support/temporary_folder.h"
#include "transport/in_process_driver.h"
#include "transport/zmq_federation.h"

namespace {

using namespace collegium;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kWarmUp = 20;  // rounds and round trips that do not count

struct Times {
  std::vector<double> milliseconds;

  double at(double share) {
    std::sort(milliseconds.begin(), milliseconds.end());
    return milliseconds[std::min(
        milliseconds.size() - 1,
        static_cast<std::size_t>(share * static_cast<double>(milliseconds.size())))];
  }
  void print(const char* name) {
    std::printf("%-52s median %8.3f ms   p99 %8.3f ms   n %zu\n", name, at(0.5), at(0.99),
                milliseconds.size());
  }
};

// Takes the time from one closed round to the next.
class RoundTimer {
 public:
  void closed(const RoundRecord& record) {
    const auto now = Clock::now();
    if (record.round > kWarmUp)
      times.milliseconds.push_back(std::chrono::duration<double, std::milli>(now - last_).count());
    last_ = now;
  }
  Times times;

 private:
  Clock::time_point last_{};
};

// The run folder of a measurement; empty: nothing is written.
struct Book {
  explicit Book(bool written, const toy::Setting& setting) {
    if (!written) return;
    store.emplace(
        RunStore::create(folder / "run", {.run = "01",
                                          .name = "bench",
                                          .config = "",
                                          .layout = toy::layout_of(setting.size).hash()}));
    journal.emplace(*store, toy::layout_of(setting.size), 2, RunEvents{}, "coordinator",
                    SigningKey::generate());
  }
  TemporaryFolder folder{TemporaryFolder::Place::disk};
  std::optional<RunStore> store;
  std::optional<StoreJournal> journal;
};

Times deployed(const toy::Setting& setting, bool written) {
  const toy::Keys keys(setting.sites);
  Book book(written, setting);
  RoundTimer timer;
  RunWork::Options options;
  options.journal = book.journal ? &*book.journal : nullptr;
  options.on_round = [&](const RoundRecord& record) { timer.closed(record); };
  toy::RunningCoordinator coordinator(setting, keys, "tcp://127.0.0.1:*", std::move(options));
  std::vector<std::unique_ptr<toy::RunningSite>> sites;
  for (std::size_t i = 0; i < setting.sites; ++i) {
    sites.push_back(
        std::make_unique<toy::RunningSite>(i, setting, keys, coordinator.driver.address()));
    sites.back()->start();
  }
  const DriverResult result = coordinator.driver.run();
  for (auto& site : sites) site->result();
  if (result.outcome != Outcome::finished)
    std::printf("the run did not finish: %s\n", result.reason.c_str());
  return std::move(timer.times);
}

Times in_process(const toy::Setting& setting, std::size_t threads, bool written) {
  Book book(written, setting);
  RoundTimer timer;
  RunWork::Options options = toy::work_options(setting);
  options.journal = book.journal ? &*book.journal : nullptr;
  options.on_round = [&](const RoundRecord& record) { timer.closed(record); };
  RunWork work(std::move(options));
  Coordinator coordinator(toy::coordinator_options(setting), {0, toy::initial_model(setting), {}});
  std::vector<std::unique_ptr<toy::ToySite>> sites;
  std::vector<InProcessSite> members;
  for (std::size_t i = 0; i < setting.sites; ++i) {
    sites.push_back(std::make_unique<toy::ToySite>(i, setting));
    members.push_back({sites.back()->name, &sites.back()->machine, &sites.back()->work});
  }
  InProcessDriver driver({.threads = threads}, coordinator, work, std::move(members));
  driver.run();
  return std::move(timer.times);
}

// One frame of the size of a small message there and back, ROUTER and DEALER under CURVE as the
// product uses them.
Times raw_round_trip(std::size_t count) {
  const KeyPair server = KeyPair::generate("server");
  const KeyPair client = KeyPair::generate("client");
  zmq::context_t context;
  zmq::socket_t router(context, zmq::socket_type::router);
  router.set(zmq::sockopt::curve_server, true);
  router.set(zmq::sockopt::curve_secretkey, server.secret_key);
  router.bind("tcp://127.0.0.1:*");
  std::thread echo([&] {
    for (std::size_t i = 0; i < count + kWarmUp; ++i) {
      zmq::message_t route, body;
      (void)router.recv(route, zmq::recv_flags::none);
      (void)router.recv(body, zmq::recv_flags::none);
      router.send(route, zmq::send_flags::sndmore);
      router.send(body, zmq::send_flags::none);
    }
  });
  zmq::context_t client_context;
  zmq::socket_t dealer(client_context, zmq::socket_type::dealer);
  dealer.set(zmq::sockopt::curve_serverkey, server.public_key);
  dealer.set(zmq::sockopt::curve_publickey, client.public_key);
  dealer.set(zmq::sockopt::curve_secretkey, client.secret_key);
  dealer.connect(router.get(zmq::sockopt::last_endpoint));
  Times times;
  for (std::size_t i = 0; i < count + kWarmUp; ++i) {
    const auto start = Clock::now();
    dealer.send(zmq::message_t(400), zmq::send_flags::none);
    zmq::message_t answer;
    (void)dealer.recv(answer, zmq::recv_flags::none);
    if (i >= kWarmUp)
      times.milliseconds.push_back(
          std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  }
  echo.join();
  return times;
}

double load() {
  double average = 0;
  return getloadavg(&average, 1) == 1 ? average : -1;
}

}  // namespace

int main(int count, char** arguments) {
  const std::uint64_t rounds = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 500;
  const toy::Setting setting{
      .sites = 10, .size = 10, .rounds = rounds + kWarmUp, .evaluate_every = 0};
  std::printf("empty round: %zu sites, %zu floats; %u processors, load %.1f\n", setting.sites,
              setting.size, std::thread::hardware_concurrency(), load());
  raw_round_trip(2000).print("raw ZeroMQ round trip, CURVE, loopback");
  deployed(setting, false).print("deployed round, CURVE, loopback, nothing written");
  deployed(setting, true).print("deployed round, written down (SQLite, checkpoint)");
  raw_round_trip(2000).print("raw ZeroMQ round trip, once more");
  in_process(setting, 1, false).print("in-process round, 1 thread, nothing written");
  in_process(setting, 2, false).print("in-process round, 2 threads, nothing written");
  in_process(setting, 2, true).print("in-process round, 2 threads, written down");
  std::printf("load at the end %.1f\n", load());
}
