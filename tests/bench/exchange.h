#pragma once
// A round of a federation over ZeroMQ in which nobody trains: the coordinator is a process of its
// own, so that its peak memory (VmHWM) is its own; the sites share another.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "transport/zmq_federation.h"

namespace collegium::bench {

using Clock = std::chrono::steady_clock;

struct Sizes {
  std::size_t bytes = 100'000'000;
  std::size_t sites = 8;
  std::uint64_t rounds = 5;  // that count; one goes before them
};

// MEGABYTES SITES ROUNDS, as far as they are given.
inline Sizes sizes_from(int count, char** arguments) {
  Sizes sizes;
  if (count > 1) sizes.bytes = 1'000'000 * std::strtoull(arguments[1], nullptr, 10);
  if (count > 2) sizes.sites = std::strtoull(arguments[2], nullptr, 10);
  if (count > 3) sizes.rounds = std::strtoull(arguments[3], nullptr, 10);
  return sizes;
}

struct Measured {
  double seconds = 0;  // median of the rounds
  double slowest = 0;
  double work = 0;    // seconds of processor time a round, of both processes
  double memory = 0;  // peak of the coordinator's process, in bytes
  bool finished = false;
};

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

inline double work_of_children() {
  rusage used{};
  ::getrusage(RUSAGE_CHILDREN, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

inline double peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return 1024 * std::strtod(line.c_str() + 6, nullptr);
  return 0;
}

inline Measured measured(std::vector<double> rounds, bool finished) {
  rounds.erase(rounds.begin(), rounds.begin() + (rounds.empty() ? 0 : 1));
  if (rounds.empty()) return {};
  std::sort(rounds.begin(), rounds.end());
  return {.seconds = rounds[rounds.size() / 2],
          .slowest = rounds.back(),
          .memory = peak_memory(),
          .finished = finished};
}

// Two processes: `coordinate` gives out its address and measures, `take_part` gets the address.
template <class Coordinate, class TakePart>
Measured in_two_processes(const Sizes& sizes, Coordinate&& coordinate, TakePart&& take_part) {
  const double work_before = work_of_children();
  int address_pipe[2], result_pipe[2];
  if (::pipe(address_pipe) != 0 || ::pipe(result_pipe) != 0) std::abort();
  const pid_t coordinator = ::fork();
  if (coordinator == 0) {
    const Measured result = coordinate([&](std::string address) {
      address.resize(64);
      if (::write(address_pipe[1], address.data(), 64) != 64) std::abort();
    });
    if (::write(result_pipe[1], &result, sizeof result) != sizeof result) std::abort();
    std::_Exit(0);
  }
  const pid_t sites = ::fork();
  if (sites == 0) {
    char address[65] = {};
    if (::read(address_pipe[0], address, 64) != 64) std::abort();
    take_part(std::string(address));
    std::_Exit(0);
  }
  Measured result;
  if (::read(result_pipe[0], &result, sizeof result) != sizeof result) std::abort();
  ::waitpid(coordinator, nullptr, 0);
  ::waitpid(sites, nullptr, 0);
  for (const int end : {address_pipe[0], address_pipe[1], result_pipe[0], result_pipe[1]})
    ::close(end);
  result.work = (work_of_children() - work_before) / static_cast<double>(sizes.rounds + 1);
  return result;
}

// Trains nothing: the exchange is what is measured.
class Idle final : public Trainer {
 public:
  explicit Idle(std::size_t size) : layout_(toy::layout_of(size)) {}
  const Layout& layout() const override { return layout_; }
  PrivacyEvent cost(const TrainTask&) const override { return {}; }
  TrainResult train(std::span<const float>, std::span<float> delta, const TrainTask&,
                    const Progress&) override {
    std::fill(delta.begin(), delta.end(), 0.5f);
    TrainResult result;
    result.steps = 1;
    return result;
  }
  std::vector<Metric> evaluate(std::span<const float>, const TrainTask&) override { return {}; }

 private:
  Layout layout_;
};

// A whole federation that moves models and trains nothing.
inline Measured exchange(const Sizes& sizes, bool encrypted = true) {
  const toy::Setting setting{.sites = sizes.sites,
                             .size = sizes.bytes / sizeof(float),
                             .rounds = sizes.rounds + 1,
                             .evaluate_every = 0};
  toy::Keys keys(sizes.sites);
  keys.encrypted = encrypted;
  const auto coordinate = [&](auto&& tell) {
    std::vector<double> rounds;
    auto last = Clock::now();
    RunWork::Options options;
    options.on_round = [&](const RoundRecord&) {
      rounds.push_back(seconds_since(std::exchange(last, Clock::now())));
    };
    toy::RunningCoordinator coordinator(setting, keys, "tcp://127.0.0.1:*", std::move(options));
    tell(coordinator.driver.address());
    const DriverResult result = coordinator.driver.run();
    return measured(rounds, result.outcome == Outcome::finished);
  };
  const auto take_part = [&](const std::string& address) {
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < sizes.sites; ++i)
      threads.emplace_back([&, i] {
        const std::string name = toy::site_name(i);
        TrainerWork work({.site = name}, std::make_shared<Idle>(setting.size), at_site::Prepare{});
        Site machine(toy::ToySite::options_for(name, setting));
        ZmqSiteDriver driver({.address = address,
                              .insecure = !encrypted,
                              .name = name,
                              .key = keys.site[i],
                              .server_key = keys.server.public_half()},
                             machine, work);
        driver.run();
      });
    for (std::thread& thread : threads) thread.join();
  };
  return in_two_processes(sizes, coordinate, take_part);
}

inline void print(const char* name, const Measured& result, const Sizes& sizes) {
  std::printf(
      "%-44s median %6.2f s   slowest %6.2f s   work %5.2f CPU s   coordinator's peak %5.2f x the "
      "model%s\n",
      name, result.seconds, result.slowest, result.work,
      result.memory / static_cast<double>(sizes.bytes), result.finished ? "" : "   DID NOT FINISH");
}

inline double load() {
  double average = 0;
  return getloadavg(&average, 1) == 1 ? average : -1;
}

}  // namespace collegium::bench
