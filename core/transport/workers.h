#pragma once
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace collegium {

// Threads for slow work. Jobs must not throw. At destruction the jobs already given are finished
// first.
class Workers {
 public:
  explicit Workers(std::size_t threads);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  void post(std::function<void()> job);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<std::function<void()>> jobs_;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

// A line of jobs that run one after the other, in the order given, on whatever thread of the pool
// is free.
class Strand {
 public:
  explicit Strand(Workers& workers) : state_(std::make_shared<State>(workers)) {}
  void post(std::function<void()> job);
  void wait();  // until every job posted so far is done; not from one of its jobs

 private:
  struct State {
    explicit State(Workers& pool) : workers(pool) {}
    Workers& workers;
    std::mutex mutex;
    std::deque<std::function<void()>> jobs;
    bool running = false;
  };
  static void run(const std::shared_ptr<State>& state);
  std::shared_ptr<State> state_;
};

// What the job threw, as text; empty when it went well.
template <class Job>
std::string failure_of(Job&& job) {
  try {
    job();
    return {};
  } catch (const std::exception& error) {
    return *error.what() ? error.what() : "an error without a text";
  }
}

}  // namespace collegium
