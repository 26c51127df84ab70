#include "transport/zmq_site_driver.h"

#include <algorithm>
#include <array>
#include <deque>
#include <utility>

#include "transport/event_queue.h"
#include "transport/run_clock.h"
#include "transport/site_socket.h"
#include "transport/snapshot_door.h"
#include "transport/transfers.h"
#include "wire/blob_server.h"

namespace collegium {

using namespace at_site;

struct ZmqSiteDriver::Loop {
  static constexpr int kMessagesAtOnce = 256;      // then timers and finished work get their turn
  static constexpr double kWarnAgainAfter = 60;    // seconds between warnings about one trouble
  static constexpr const char* kCoordinator = "";  // the one peer

  Loop(SiteDriverOptions given, Site& site, SiteWork& slow)
      : options(std::move(given)),
        machine(site),
        work(slow),
        socket({.address = options.address,
                .insecure = options.insecure,
                .name = options.name,
                .key = options.key,
                .server_key = options.server_key}),
        posted(wakeup),
        snapshots(wakeup, [this] { return machine.snapshot(); }),
        transfers([this](const std::string&, const Message& message) { socket.send(message); }),
        workers(1),
        jobs(work, workers, [this](SiteEvent event) { posted.push(std::move(event)); }) {}

  void handle(SiteEvent event) {
    pending.push_back(std::move(event));
    while (!pending.empty()) {
      const SiteEvent next = std::move(pending.front());
      pending.pop_front();
      for (const SiteAction& action : machine.handle(next)) act(action);
    }
  }

  void act(const SiteAction& action) {
    if (const auto* message = std::get_if<Send>(&action)) {
      socket.send(message->message);
    } else if (const auto* serve = std::get_if<Serve>(&action)) {
      server.clear();
      if (serve->blob) server.announce(serve->blob, kCoordinator, serve->round);
    } else if (const auto* pull = std::get_if<Pull>(&action)) {
      BlobFetch fetch(pull->blob, run_id, pull->round, options.largest_model);
      if (const BlobFetch* ended = transfers.start(kCoordinator, std::move(fetch), clock.now()))
        end_pull(*ended);
    } else if (std::holds_alternative<CancelPull>(action)) {
      transfers.cancel(kCoordinator);
    } else if (const auto* stop = std::get_if<Stop>(&action)) {
      result.outcome = stop->outcome;
      result.reason = stop->reason;
    } else {
      jobs.start(action);
    }
  }

  void end_pull(const BlobFetch& fetch) {
    if (fetch.state() == BlobFetch::State::done)
      pending.push_back(ModelReady{fetch.id(), fetch.bytes()});
    else
      pending.push_back(ModelFailed{fetch.id(), fetch.reason()});
    transfers.cancel(kCoordinator);
  }

  void take(Message message) {
    if (message.kind == Kind::fetch) {
      socket.send(server.answer(kCoordinator, message));
    } else if (message.kind == Kind::chunk) {
      const BlobFetch* fetch = transfers.take(kCoordinator, message, clock.now());
      if (!fetch) return;
      if (fetch->state() == BlobFetch::State::fetching)
        handle(ModelProgress{fetch->id(), fetch->received()});
      else
        end_pull(*fetch);
    } else {
      run_id = message.run;
      handle(MessageFrom{std::move(message)});
    }
  }

  void line_event(SiteSocket::Line line) {
    switch (line) {
      case SiteSocket::Line::up:
        if (was_up) {
          work.log({LogEvent::Level::info, "", "the line to the coordinator is back"});
          transfers.resume(kCoordinator, clock.now());
          handle(LineRestored{});
        }
        was_up = true;
        break;
      case SiteSocket::Line::lost:
        warn("the line to the coordinator was lost; trying again");
        break;
      case SiteSocket::Line::failed:
        warn(
            "the coordinator does not answer in our terms: is server_key the public key of the "
            "coordinator at " +
            options.address + "?");
        break;
      case SiteSocket::Line::refused:
        result.outcome = Outcome::refused;
        result.reason = "the coordinator at " + options.address +
                        " does not know this site's key; send it " +
                        (options.key ? options.key->name + ".public" : "the site's name");
        refused = true;
    }
  }

  void warn(const std::string& text) {
    if (clock.now() < quiet_until) return;
    quiet_until = clock.now() + kWarnAgainAfter;
    work.log({LogEvent::Level::warning, "", text});
  }

  void wait() {
    const auto network = socket.poll_items();
    std::array<zmq_pollitem_t, 4> items{
        network[0], network[1], zmq_pollitem_t{nullptr, wakeup.descriptor(), ZMQ_POLLIN, 0},
        zmq_pollitem_t{nullptr, options.stop.wakeup().descriptor(), ZMQ_POLLIN, 0}};
    const double next = std::min({machine.next_tick(), transfers.next_tick(), socket.next_check()});
    const int count = stopping ? 3 : 4;  // the stop handle stays readable once it was asked
    zmq_poll(items.data(), count, pending.empty() ? milliseconds_until(next, clock.now()) : 0);
    if (items[2].revents) wakeup.hear();
  }

  void turn() {
    wait();
    handle(Tick{clock.now()});
    if (options.stop.requested() && !std::exchange(stopping, true)) {
      jobs.abandon_all();
      handle(StopRequested{"asked to stop"});
    }
    while (const auto line = socket.line_event()) line_event(*line);
    socket.end_floods(clock.now());
    for (int i = 0; i < kMessagesAtOnce && !machine.done(); ++i) {
      auto message = socket.receive();
      if (!message) break;
      take(std::move(*message));
    }
    for (auto events = posted.take(); !events.empty(); events = posted.take())
      for (SiteEvent& event : events) handle(std::move(event));
    transfers.ask_again(clock.now());
    snapshots.answer();
  }

  DriverResult run() {
    snapshots.open();
    if (options.insecure)
      work.log({LogEvent::Level::warning, "",
                "insecure = true: nothing is encrypted, and nobody proves who they are"});
    handle(Started{clock.now()});
    while (!machine.done() && !refused) turn();
    jobs.abandon_all();
    jobs.wait();
    snapshots.close();
    result.dropped = socket.dropped();
    return result;
  }

  SiteDriverOptions options;
  Site& machine;
  SiteWork& work;
  RunClock clock;
  Wakeup wakeup;
  SiteSocket socket;
  EventQueue<SiteEvent> posted;
  SnapshotDoor<SiteSnapshot> snapshots;
  BlobServer server;
  Transfers transfers;
  std::deque<SiteEvent> pending;  // handled once the actions at hand are carried out
  RunId run_id{};                 // as the coordinator's messages name it
  double quiet_until = 0;
  bool was_up = false, stopping = false, refused = false;
  DriverResult result;
  Workers workers;  // after all that its jobs use, so that it ends first
  SiteJobs jobs;
};

ZmqSiteDriver::ZmqSiteDriver(SiteDriverOptions options, Site& machine, SiteWork& work)
    : loop_(std::make_unique<Loop>(std::move(options), machine, work)) {}

ZmqSiteDriver::~ZmqSiteDriver() = default;

DriverResult ZmqSiteDriver::run() { return loop_->run(); }

SiteSnapshot ZmqSiteDriver::snapshot() const { return loop_->snapshots.ask(); }

}  // namespace collegium
