#include "transport/site_work.h"

#include <chrono>
#include <limits>
#include <optional>
#include <utility>

namespace collegium {

using namespace at_site;

namespace {

constexpr auto kProgressEvery = std::chrono::milliseconds(500);

Reserved reserved(std::uint64_t job, const SiteWork::Spent& spent) {
  return {job, spent.epsilon, spent.delta, spent.lifetime, spent.ledger};
}

}  // namespace

SiteJobs::SiteJobs(SiteWork& work, Workers& workers, Post post)
    : work_(work),
      strand_(workers),
      post_(std::move(post)),
      aborted_(std::make_shared<std::atomic<std::uint64_t>>(0)) {}

void SiteJobs::run(bool here, std::function<void()> job) {
  if (here)
    job();
  else
    strand_.post(std::move(job));
}

void SiteJobs::abandon_all() { aborted_->store(std::numeric_limits<std::uint64_t>::max()); }

void SiteJobs::wait() { strand_.wait(); }

bool SiteJobs::start(const SiteAction& action) {
  const bool here = !work_.durable();
  if (const auto* find = std::get_if<FindNetwork>(&action)) {
    run(here, [this, f = *find] {
      std::optional<Bytes> file;
      const std::string failure = failure_of([&] { file = work_.find_network(f.blob); });
      if (!failure.empty())
        work_.log({LogEvent::Level::warning, "", "the kept network cannot be used: " + failure});
      if (file)
        post_(NetworkFound{f.blob, std::move(*file)});
      else
        post_(NetworkMissing{f.blob});
    });
  } else if (const auto* prepare = std::get_if<Prepare>(&action)) {
    run(false, [this, p = *prepare] {
      std::string layout;
      const std::string failure = failure_of([&] { layout = work_.prepare(p); });
      if (failure.empty())
        post_(Prepared{layout});
      else
        post_(PrepareFailed{failure});
    });
  } else if (const auto* reserve = std::get_if<Reserve>(&action)) {
    run(here, [this, r = *reserve] {
      SiteWork::Spent spent;
      const std::string failure = failure_of([&] { spent = work_.reserve(r.task, r.attempt); });
      if (failure.empty())
        post_(reserved(r.job, spent));
      else
        post_(ReservationRefused{r.job, failure});
    });
  } else if (const auto* order = std::get_if<Train>(&action)) {
    strand_.post([this, o = *order] { train(o); });
  } else if (const auto* abort = std::get_if<AbortTraining>(&action)) {
    aborted_->store(abort->job);
  } else if (const auto* evaluate = std::get_if<Evaluate>(&action)) {
    strand_.post([this, e = *evaluate] {
      Evaluated done{e.job, {}};
      const std::string failure =
          failure_of([&] { done.metrics = work_.evaluate(e.task, e.model); });
      if (failure.empty())
        post_(std::move(done));
      else
        post_(TrainFailed{e.job, failure});
    });
  } else if (const auto* persist = std::get_if<Persist>(&action)) {
    run(here, [this, p = *persist] {
      const std::string failure = failure_of([&] { work_.persist(p.result, p.charged); });
      if (failure.empty())
        post_(Persisted{p.job});
      else
        post_(PersistFailed{p.job, failure});
    });
  } else if (const auto* step = std::get_if<SecureStep>(&action)) {
    strand_.post([this, s = *step] {
      SiteWork::SecureAnswer answer;
      const std::string failure = failure_of([&] { answer = work_.secure_step(s); });
      if (failure.empty())
        post_(SecureAnswered{
            s.job, std::move(answer.bytes), std::move(answer.masked),
            answer.spent ? std::optional(reserved(s.job, *answer.spent)) : std::nullopt});
      else
        post_(SecureRefused{s.job, failure});
    });
  } else if (const auto* keep = std::get_if<KeepFinalModel>(&action)) {
    run(here, [this, k = *keep] {
      const std::string failure = failure_of([&] { work_.keep_final_model(k.model); });
      if (!failure.empty())
        work_.log({LogEvent::Level::error, "", "the final model was not saved: " + failure});
    });
  } else if (const auto* entry = std::get_if<Log>(&action)) {
    run(here, [this, r = entry->record] {
      const std::string failure = failure_of([&] { work_.record(r); });
      if (!failure.empty())
        work_.log({LogEvent::Level::error, "", "the signed log lacks an entry: " + failure});
    });
  } else if (const auto* event = std::get_if<LogEvent>(&action)) {
    run(here, [this, e = *event] { failure_of([&] { work_.log(e); }); });
  } else {
    return false;
  }
  return true;
}

void SiteJobs::train(const Train& order) {
  auto last = std::chrono::steady_clock::now();
  const Progress progress = [&](std::int64_t step, std::int64_t steps, double) {
    if (order.job <= aborted_->load()) return false;
    const auto now = std::chrono::steady_clock::now();
    if (now - last >= kProgressEvery) {
      last = now;
      post_(TrainProgress{order.job, step, steps});
    }
    return true;
  };
  SiteWork::Output output;
  std::optional<LedgerPosition> recorded;
  const std::string failure = failure_of([&] {
    recorded = work_.recorded();  // nothing is written while it trains
    output = work_.train(order, progress);
  });
  if (failure.empty())
    post_(Trained{order.job, std::move(output.result), std::move(output.update), recorded});
  else
    post_(TrainFailed{order.job, failure});  // the machine knows how much of it may travel
}

}  // namespace collegium
