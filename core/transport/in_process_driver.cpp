#include "transport/in_process_driver.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <utility>

#include "federation/bodies.h"
#include "transport/event_queue.h"
#include "transport/run_clock.h"
#include "transport/snapshot_door.h"

namespace collegium {

struct InProcessDriver::Loop {
  static constexpr double kTellSitesEvery = 2;  // seconds, for people who watch

  struct Desk {  // a site with what belongs to it
    InProcessSite site;
    std::unique_ptr<SiteJobs> jobs;
    SharedBlob served;
    double next_tick = 0;
  };
  struct ForSite {
    std::size_t site = 0;
    SiteEvent event;
  };

  Loop(InProcessOptions given, Coordinator& machine, CoordinatorWork& slow,
       std::vector<InProcessSite> sites)
      : options(std::move(given)),
        coordinator(machine),
        coordinator_posted(wakeup),
        site_posted(wakeup),
        snapshots(wakeup, [this] { return coordinator.snapshot(); }),
        site_workers(options.threads),
        coordinator_worker(1),
        coordinator_jobs(slow, coordinator_worker, [this](CoordinatorEvent event) {
          coordinator_posted.push(std::move(event));
        }) {
    for (InProcessSite& site : sites) {
      const std::size_t index = desks.size();
      index_of[site.name] = index;
      auto jobs =
          std::make_unique<SiteJobs>(*site.work, site_workers, [this, index](SiteEvent event) {
            site_posted.push({index, std::move(event)});
          });
      desks.push_back(Desk{std::move(site), std::move(jobs), nullptr, 0});
    }
  }

  // ---- the coordinator

  void handle(const CoordinatorEvent& event) {
    for (const CoordinatorAction& action : coordinator.handle(event)) act(action);
  }

  void act(const CoordinatorAction& action) {
    if (const auto* send = std::get_if<at_coordinator::Send>(&action)) {
      const auto to = index_of.find(send->site);
      if (to != index_of.end())
        for_sites.push_back({to->second, at_site::MessageFrom{send->message}});
    } else if (const auto* serve = std::get_if<at_coordinator::Serve>(&action)) {
      served = *serve;
    } else if (const auto* publish = std::get_if<at_coordinator::Publish>(&action)) {
      published = publish->blob;
    } else if (const auto* pull = std::get_if<at_coordinator::Pull>(&action)) {
      const SharedBlob& blob = desks[index_of.at(pull->site)].served;
      if (blob && blob->id == pull->blob)
        for_coordinator.push_back(at_coordinator::PullDone{pull->site, pull->blob, blob->bytes});
      else
        for_coordinator.push_back(
            at_coordinator::PullFailed{pull->site, pull->blob, false, "it was not announced"});
    } else if (std::holds_alternative<at_coordinator::CancelPull>(action)) {
      // answered already
    } else {
      if (const auto* finish = std::get_if<at_coordinator::Finish>(&action)) {
        result.outcome = finish->outcome;
        result.reason = finish->reason;
      }
      coordinator_jobs.start(action);
    }
  }

  // What this site may fetch for that round; null: nothing.
  SharedBlob offered(const std::string& site, std::uint64_t round) const {
    if (round == kNetworkRound) return published;
    const bool announced =
        std::find(served.sites.begin(), served.sites.end(), site) != served.sites.end();
    return announced ? served.blob : nullptr;
  }

  // ---- the sites

  void handle(std::size_t index, const SiteEvent& event) {
    Desk& desk = desks[index];
    if (desk.site.machine->done()) return;
    if (!std::holds_alternative<Started>(event) && !std::holds_alternative<Tick>(event))
      for (const SiteAction& action : desk.site.machine->handle(Tick{now})) act(index, action);
    for (const SiteAction& action : desk.site.machine->handle(event)) act(index, action);
    desk.next_tick = desk.site.machine->next_tick();
  }

  void act(std::size_t index, const SiteAction& action) {
    Desk& desk = desks[index];
    if (const auto* send = std::get_if<at_site::Send>(&action)) {
      for_coordinator.push_back(at_coordinator::MessageFrom{desk.site.name, send->message});
    } else if (const auto* serve = std::get_if<at_site::Serve>(&action)) {
      desk.served = serve->blob;
    } else if (const auto* pull = std::get_if<at_site::Pull>(&action)) {
      const SharedBlob blob = offered(desk.site.name, pull->round);
      if (blob && blob->id == pull->blob) {
        for_sites.push_back({index, at_site::ModelReady{pull->blob, blob->bytes}});
        for_coordinator.push_back(at_coordinator::Served{desk.site.name, pull->blob.size});
      } else {
        for_sites.push_back({index, at_site::ModelFailed{pull->blob, "it was not announced"}});
      }
    } else if (std::holds_alternative<at_site::CancelPull>(action) ||
               std::holds_alternative<at_site::Stop>(action)) {
      // answered already; what a site leaves with, the coordinator has heard
    } else {
      desk.jobs->start(action);
    }
  }

  // ---- the loop

  bool idle() const { return for_sites.empty() && for_coordinator.empty(); }

  void wait() {
    double next = std::min(coordinator.next_tick(), tell_sites_at);
    for (const Desk& desk : desks)
      if (!desk.site.machine->done()) next = std::min(next, desk.next_tick);
    std::array<pollfd, 2> items{pollfd{wakeup.descriptor(), POLLIN, 0},
                                pollfd{options.stop.wakeup().descriptor(), POLLIN, 0}};
    poll(items.data(), stopping ? 1 : 2, idle() ? milliseconds_until(next, clock.now()) : 0);
    if (items[0].revents) wakeup.hear();
  }

  void turn() {
    wait();
    now = clock.now();
    if (options.stop.requested() && !std::exchange(stopping, true)) {
      for (Desk& desk : desks) desk.jobs->abandon_all();
      handle(StopRequested{"asked to stop"});
    }
    handle(Tick{now});
    for (std::size_t i = 0; i < desks.size(); ++i)
      if (desks[i].next_tick <= now) handle(i, Tick{now});
    for (ForSite& posted : site_posted.take()) for_sites.push_back(std::move(posted));
    for (CoordinatorEvent& posted : coordinator_posted.take())
      for_coordinator.push_back(std::move(posted));
    while (!idle() && !coordinator.done()) {
      while (!for_sites.empty()) {
        const ForSite next = std::move(for_sites.front());
        for_sites.pop_front();
        handle(next.site, next.event);
      }
      while (!for_coordinator.empty() && !coordinator.done()) {
        const CoordinatorEvent next = std::move(for_coordinator.front());
        for_coordinator.pop_front();
        handle(next);
      }
    }
    snapshots.answer();
    if (now >= tell_sites_at || coordinator.done()) {
      tell_sites_at = now + kTellSitesEvery;
      coordinator_jobs.tell_sites(coordinator.snapshot());
    }
  }

  DriverResult run() {
    snapshots.open();
    now = clock.now();
    handle(Started{now});
    for (std::size_t i = 0; i < desks.size(); ++i) handle(i, Started{now});
    while (!coordinator.done()) turn();
    for (Desk& desk : desks) {
      desk.jobs->abandon_all();
      desk.jobs->wait();
    }
    coordinator_jobs.wait();
    snapshots.close();
    return result;
  }

  InProcessOptions options;
  Coordinator& coordinator;
  RunClock clock;
  double now = 0;
  Wakeup wakeup;
  EventQueue<CoordinatorEvent> coordinator_posted;
  EventQueue<ForSite> site_posted;
  SnapshotDoor<CoordinatorSnapshot> snapshots;
  std::deque<CoordinatorEvent> for_coordinator;
  std::deque<ForSite> for_sites;
  at_coordinator::Serve served;
  SharedBlob published;
  std::map<std::string, std::size_t, std::less<>> index_of;
  double tell_sites_at = 0;
  bool stopping = false;
  DriverResult result;
  Workers site_workers;  // after all that their jobs use, so that they end first
  Workers coordinator_worker;
  CoordinatorJobs coordinator_jobs;
  std::vector<Desk> desks;
};

InProcessDriver::InProcessDriver(InProcessOptions options, Coordinator& coordinator,
                                 CoordinatorWork& work, std::vector<InProcessSite> sites)
    : loop_(std::make_unique<Loop>(std::move(options), coordinator, work, std::move(sites))) {}

InProcessDriver::~InProcessDriver() = default;

DriverResult InProcessDriver::run() { return loop_->run(); }

CoordinatorSnapshot InProcessDriver::snapshot() const { return loop_->snapshots.ask(); }

}  // namespace collegium
