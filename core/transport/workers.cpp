#include "transport/workers.h"

#include <algorithm>
#include <future>
#include <utility>

namespace collegium {

Workers::Workers(std::size_t threads) {
  for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i)
    threads_.emplace_back([this] { run(); });
}

Workers::~Workers() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  more_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Workers::post(std::function<void()> job) {
  {
    std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  more_.notify_one();
}

void Workers::run() {
  while (true) {
    std::function<void()> job;
    {
      std::unique_lock lock(mutex_);
      more_.wait(lock, [this] { return ending_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

void Strand::post(std::function<void()> job) {
  {
    std::lock_guard lock(state_->mutex);
    state_->jobs.push_back(std::move(job));
    if (std::exchange(state_->running, true)) return;
  }
  state_->workers.post([state = state_] { run(state); });
}

void Strand::wait() {
  std::promise<void> done;
  post([&done] { done.set_value(); });
  done.get_future().wait();
}

void Strand::run(const std::shared_ptr<State>& state) {
  std::function<void()> job;
  {
    std::lock_guard lock(state->mutex);
    job = std::move(state->jobs.front());
    state->jobs.pop_front();
  }
  job();
  std::lock_guard lock(state->mutex);
  state->running = !state->jobs.empty();
  if (state->running) state->workers.post([state] { run(state); });
}

}  // namespace collegium
