#include "transport/coordinator_work.h"

#include <exception>
#include <utility>

namespace collegium {

using namespace at_coordinator;

CoordinatorJobs::CoordinatorJobs(CoordinatorWork& work, Workers& workers, Post post)
    : work_(work), strand_(workers), post_(std::move(post)) {}

void CoordinatorJobs::run(bool here, std::function<void()> job) {
  if (here)
    job();
  else
    strand_.post(std::move(job));
}

void CoordinatorJobs::log(const LogEvent& event) {
  run(!work_.durable(),
      [this, event] { failure_of([&] { work_.log(event); }); });  // a full disk ends no round here
}

void CoordinatorJobs::wait() { strand_.wait(); }

void CoordinatorJobs::tell_sites(const CoordinatorSnapshot& snapshot) {
  std::vector<std::string> now;
  for (const SiteView& site : snapshot.sites) {
    now.push_back(site.name + ' ' + std::string(name_of(site.state)) + ' ' +
                  std::to_string(site.step) + ' ' + site.software);
  }
  if (now == told_) return;
  told_ = std::move(now);
  run(!work_.durable(),
      [this, sites = snapshot.sites] { failure_of([&] { work_.sites(sites); }); });
}

bool CoordinatorJobs::start(const CoordinatorAction& action) {
  const bool small = work_.small();
  if (const auto* open = std::get_if<OpenAggregate>(&action)) {
    run(small,
        [this, o = *open] { failure_ = failure_of([&] { work_.open_aggregate(o.round); }); });
  } else if (const auto* accumulate = std::get_if<Accumulate>(&action)) {
    run(small, [this, a = *accumulate]() mutable {
      Accumulated done{a.round, a.attempt, a.site, {}};
      const std::string failure = failure_of(
          [&] { done.refusal = work_.accumulate(a.site, std::move(a.values), a.weight); });
      if (failure_.empty()) failure_ = failure;
      post_(std::move(done));
    });
  } else if (const auto* charge = std::get_if<ChargeRound>(&action)) {
    run(!work_.durable(), [this, c = *charge] {
      const std::string failure = failure_of([&] { work_.charge(c.round); });
      if (failure.empty())
        post_(RoundCharged{c.round, c.attempt});
      else
        post_(ChargeFailed{c.round, c.attempt, failure});
    });
  } else if (const auto* finish = std::get_if<FinishAggregate>(&action)) {
    run(small, [this, f = *finish] {
      AggregationDone done{f.round, f.attempt, {}};
      if (failure_.empty())
        failure_ = failure_of([&] {
          std::span<const secagg::Mask> opening;
          if (f.opening) opening = *f.opening;
          done.model = work_.finish_aggregate(opening);
        });
      if (failure_.empty())
        post_(std::move(done));
      else
        post_(AggregationFailed{f.round, f.attempt, failure_});
    });
  } else if (std::holds_alternative<DropAggregate>(action)) {
    run(small, [this] { failure_of([&] { work_.drop_aggregate(); }); });
  } else if (const auto* persist = std::get_if<PersistRound>(&action)) {
    run(!work_.durable(), [this, p = *persist] {
      const std::string failure = failure_of([&] { work_.persist(p.record, p.model); });
      if (failure.empty())
        post_(RoundPersisted{p.record.round, p.record.attempt, work_.recorded()});
      else
        post_(PersistFailed{p.record.round, p.record.attempt, failure});
    });
  } else if (const auto* metrics = std::get_if<RecordMetrics>(&action)) {
    run(!work_.durable(), [this, m = *metrics] {
      const std::string failure =
          failure_of([&] { work_.record_metrics(m.site, m.round, m.metrics); });
      if (!failure.empty())
        work_.log({LogEvent::Level::error, m.site, "its metrics were not recorded: " + failure});
    });
  } else if (const auto* end = std::get_if<Finish>(&action)) {
    run(!work_.durable(),
        [this, e = *end] { failure_of([&] { work_.finish(e.outcome, e.reason); }); });
  } else if (const auto* event = std::get_if<LogEvent>(&action)) {
    log(*event);
  } else {
    return false;
  }
  return true;
}

}  // namespace collegium
