#include "transport/zmq_coordinator_driver.h"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <utility>

#include "federation/bodies.h"
#include "transport/coordinator_socket.h"
#include "transport/event_queue.h"
#include "transport/run_clock.h"
#include "transport/snapshot_door.h"
#include "transport/transfers.h"
#include "wire/blob_server.h"

namespace collegium {

using namespace at_coordinator;

struct ZmqCoordinatorDriver::Loop {
  static constexpr double kTellSitesEvery = 2;     // seconds, for people who watch
  static constexpr double kLookAtKeysEvery = 0.5;  // seconds
  static constexpr double kTellRefusalsEvery = 30;
  static constexpr int kMessagesAtOnce = 256;  // then timers and finished work get their turn

  Loop(CoordinatorDriverOptions given, Coordinator& coordinator, CoordinatorWork& slow)
      : options(std::move(given)),
        machine(coordinator),
        work(slow),
        socket({.address = options.address,
                .insecure = options.insecure,
                .key = options.key,
                .roster = options.roster}),
        posted(wakeup),
        snapshots(wakeup, [this] { return machine.snapshot(); }),
        transfers([this](const std::string& site, const Message& message) { send(site, message); }),
        workers(1),
        jobs(work, workers, [this](CoordinatorEvent event) { posted.push(std::move(event)); }) {}

  void handle(CoordinatorEvent event) {
    pending.push_back(std::move(event));
    while (!pending.empty()) {
      const CoordinatorEvent next = std::move(pending.front());
      pending.pop_front();
      for (const CoordinatorAction& action : machine.handle(next)) act(action);
    }
  }

  void act(const CoordinatorAction& action) {
    if (const auto* message = std::get_if<Send>(&action)) {
      send(message->site, message->message);
    } else if (const auto* serve = std::get_if<Serve>(&action)) {
      server.clear();
      if (serve->blob)
        for (const std::string& site : serve->sites)
          server.announce(serve->blob, site, serve->round);
    } else if (const auto* publish = std::get_if<Publish>(&action)) {
      for (const auto& [site, key] : options.roster.sites())
        published.announce(publish->blob, site, kNetworkRound);
    } else if (const auto* pull = std::get_if<Pull>(&action)) {
      BlobFetch fetch(pull->blob, options.run, pull->round, options.largest_update,
                      BlobFetch::Keep::chunks);
      if (const BlobFetch* ended = transfers.start(pull->site, std::move(fetch), clock.now()))
        end_pull(pull->site, *ended);
    } else if (const auto* cancel = std::get_if<CancelPull>(&action)) {
      transfers.cancel(cancel->site);
    } else {
      if (const auto* finish = std::get_if<Finish>(&action)) {
        result.outcome = finish->outcome;
        result.reason = finish->reason;
      }
      jobs.start(action);
    }
  }

  void send(const std::string& site, const Message& message) {
    if (socket.send(site, message) == CoordinatorSocket::Sent::unreachable)
      pending.push_back(PeerLost{site, "its connection has ended"});
  }

  void end_pull(const std::string& site, const BlobFetch& fetch) {
    if (fetch.state() == BlobFetch::State::done)
      pending.push_back(PullDone{site, fetch.id(), fetch.chunks()});
    else
      pending.push_back(PullFailed{site, fetch.id(), fetch.corrupted(), fetch.reason()});
    transfers.cancel(site);
  }

  void take(CoordinatorSocket::Received received) {
    const Message& message = received.message;
    if (message.kind == Kind::fetch) {
      const BlobServer& source = message.round == kNetworkRound ? published : server;
      const Message answer = source.answer(received.site, message);
      served[received.site] += answer.payload.size();
      send(received.site, answer);
    } else if (message.kind == Kind::chunk) {
      const BlobFetch* fetch = transfers.take(received.site, message, clock.now());
      if (!fetch) return;
      if (fetch->state() == BlobFetch::State::fetching)
        handle(PullProgress{received.site, fetch->received()});
      else
        end_pull(received.site, *fetch);
    } else {
      if (message.kind == Kind::join) transfers.resume(received.site, clock.now());
      handle(MessageFrom{std::move(received.site), std::move(received.message)});
    }
  }

  void wait() {
    const auto network = socket.poll_items();
    std::array<zmq_pollitem_t, 5> items{
        network[0], network[1], network[2],
        zmq_pollitem_t{nullptr, wakeup.descriptor(), ZMQ_POLLIN, 0},
        zmq_pollitem_t{nullptr, options.stop.wakeup().descriptor(), ZMQ_POLLIN, 0}};
    const double next = std::min({machine.next_tick(), transfers.next_tick(), socket.next_check(),
                                  tell_sites_at, options.reload ? look_at_keys_at : tell_sites_at});
    const int count = stopping ? 4 : 5;  // the stop handle stays readable once it was asked
    zmq_poll(items.data(), count, pending.empty() ? milliseconds_until(next, clock.now()) : 0);
    if (items[3].revents) wakeup.hear();
  }

  // What was turned away at the door, by reason, for `collegium status` and the report: seldom, so
  // that whoever knocks fills no log.
  void tell_refusals(bool at_last) {
    if (socket.dropped() == told_refusals || (clock.now() < tell_refusals_at && !at_last)) return;
    tell_refusals_at = clock.now() + kTellRefusalsEvery;
    told_refusals = socket.dropped();
    std::string text;
    for (const auto& [reason, count] : told_refusals)
      text += (text.empty() ? "" : ", ") + reason + " (" + std::to_string(count) + ")";
    act(LogEvent{LogEvent::Level::warning, "", "turned away so far: " + text});
  }

  // Before any message is taken: what came from a key that is gone does not count.
  void look_at_keys() {
    if (!options.reload || clock.now() < look_at_keys_at) return;
    look_at_keys_at = clock.now() + kLookAtKeysEvery;
    auto roster = options.reload();
    if (!roster || *roster == socket.roster()) return;
    handle(KeysChanged{signers_of(*roster)});
    options.roster = *roster;
    socket.admit(*std::move(roster));
  }

  void turn() {
    wait();
    handle(Tick{clock.now()});
    if (options.stop.requested() && !std::exchange(stopping, true))
      handle(StopRequested{"asked to stop"});
    look_at_keys();
    socket.serve_admissions();
    socket.end_floods(clock.now());
    for (int i = 0; i < kMessagesAtOnce && !machine.done(); ++i) {
      auto received = socket.receive();
      if (!received) break;
      take(std::move(*received));
    }
    // After what they had said before: a goodbye is one.
    for (const std::string& site : socket.lost())
      handle(PeerLost{site, "its connection has ended"});
    for (auto events = posted.take(); !events.empty(); events = posted.take())
      for (CoordinatorEvent& event : events) handle(std::move(event));
    for (auto& [site, bytes] : std::exchange(served, {})) handle(Served{site, bytes});
    transfers.ask_again(clock.now());
    tell_refusals(false);
    snapshots.answer();
    if (clock.now() >= tell_sites_at || machine.done()) {
      tell_sites_at = clock.now() + kTellSitesEvery;
      jobs.tell_sites(machine.snapshot());
    }
  }

  DriverResult run() {
    snapshots.open();
    if (options.insecure)
      work.log({LogEvent::Level::warning, "",
                "insecure = true: nothing is encrypted, and a site is whoever it says it is"});
    handle(Started{clock.now()});
    while (!machine.done()) turn();
    tell_refusals(true);
    jobs.wait();  // the last of them writes how the run ended
    snapshots.close();
    result.dropped = socket.dropped();
    return result;
  }

  CoordinatorDriverOptions options;
  Coordinator& machine;
  CoordinatorWork& work;
  RunClock clock;
  Wakeup wakeup;
  CoordinatorSocket socket;
  EventQueue<CoordinatorEvent> posted;
  SnapshotDoor<CoordinatorSnapshot> snapshots;
  BlobServer server;     // of the round's model
  BlobServer published;  // for the whole run
  Transfers transfers;
  std::deque<CoordinatorEvent> pending;         // handled once the actions at hand are carried out
  std::map<std::string, std::uint64_t> served;  // bytes since the last report
  double tell_sites_at = 0, look_at_keys_at = 0, tell_refusals_at = 0;
  DropCounts told_refusals;
  bool stopping = false;
  DriverResult result;
  Workers workers;  // after all that its jobs use, so that it ends first
  CoordinatorJobs jobs;
};

ZmqCoordinatorDriver::ZmqCoordinatorDriver(CoordinatorDriverOptions options, Coordinator& machine,
                                           CoordinatorWork& work)
    : loop_(std::make_unique<Loop>(std::move(options), machine, work)) {}

ZmqCoordinatorDriver::~ZmqCoordinatorDriver() = default;

const std::string& ZmqCoordinatorDriver::address() const { return loop_->socket.address(); }

DriverResult ZmqCoordinatorDriver::run() { return loop_->run(); }

CoordinatorSnapshot ZmqCoordinatorDriver::snapshot() const { return loop_->snapshots.ask(); }

}  // namespace collegium
