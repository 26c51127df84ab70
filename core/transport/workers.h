#pragma once
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
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

}  // namespace collegium
