#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/record.h"
#include "federation/contribution.h"
#include "federation/round_rules.h"
#include "federation/trainer.h"
#include "secagg/masks.h"
#include "secagg/session.h"
#include "wire/blob.h"
#include "wire/message.h"

// What the drivers tell the state machines (events) and what the machines ask of the drivers
// (actions).
//
// The machines are pure: no input, output, clock or thread. A driver calls handle(event) from one
// thread, carries out the actions in the order given, and feeds what comes of them back as events.
// Time is part of the events: seconds since the Unix epoch by a clock that never runs backwards (a
// steady clock anchored once at the start). A driver sends Tick at next_tick() at the latest, and a
// Tick before other events whenever time has passed.
//
// Work that is asked for and is no longer wanted may still be reported: every report names what it
// belongs to (round and attempt, blob, job), and the machines ignore what they do not wait for.
namespace collegium {

using SharedBlob = std::shared_ptr<const Blob>;
using Signers = std::map<std::string, std::vector<VerifyKey>, std::less<>>;  // by site

struct Started {
  double now = 0;
};
struct Tick {
  double now = 0;
};
struct StopRequested {
  std::string reason;
};  // Ctrl-C, run.stop(): end cleanly, tell the peers

// A line for the run's history and for people: action of both machines.
struct LogEvent {
  enum class Level : std::uint8_t { info, warning, error };
  Level level = Level::info;
  std::string site;  // empty: not about one site
  std::string text;
};
std::string_view name_of(LogEvent::Level level);

// How a run ended, for a coordinator and for a site.
enum class Outcome : std::uint8_t { finished, stopped, failed, refused };
std::string_view name_of(Outcome outcome);

namespace at_coordinator {

// ---- events
struct MessageFrom {
  std::string site;
  Message message;
};  // the authenticated name, never what the message says
struct PeerLost {
  std::string site;
  std::string reason;
};  // the transport saw the connection end
struct PullProgress {
  std::string site;
  std::uint64_t received = 0;
};  // bytes so far; keeps a slow pull alive
struct PullDone {
  std::string site;
  BlobId blob;
  Chunks chunks;
};  // verified against its id
struct PullFailed {
  std::string site;
  BlobId blob;
  bool corrupted = false;
  std::string reason;
};
struct Served {
  std::string site;
  std::uint64_t bytes = 0;
};                    // since the last report; only for the figures
struct Accumulated {  // one Accumulate is done
  std::uint64_t round = 0, attempt = 0;
  std::string site;
  std::optional<Refusal> refusal;  // what check_values() found; the update was then not accumulated
};
struct RoundCharged {
  std::uint64_t round = 0, attempt = 0;
};
struct ChargeFailed {
  std::uint64_t round = 0, attempt = 0;
  std::string reason;
};
struct AggregationDone {
  std::uint64_t round = 0, attempt = 0;
  SharedBlob model;
};
struct AggregationFailed {
  std::uint64_t round = 0, attempt = 0;
  std::string reason;
};
// Who may sign has changed while the run goes on: keys were added, have expired or were revoked.
struct KeysChanged {
  Signers signers;
};
struct RoundPersisted {
  std::uint64_t round = 0, attempt = 0;
  std::optional<LedgerPosition> recorded = {};  // where the coordinator's signed log stands
};
struct PersistFailed {
  std::uint64_t round = 0, attempt = 0;
  std::string reason;
};

// ---- actions
struct Send {
  std::string site;
  Message message;
};
// From now on exactly these sites may fetch exactly this blob; replaces what was served before.
struct Serve {
  SharedBlob blob;
  std::vector<std::string> sites;
  std::uint64_t round = 0;
};
struct Pull {
  std::string site;
  std::uint64_t round = 0;
  BlobId blob;
};  // answered by PullDone or PullFailed
struct CancelPull {
  std::string site;
  BlobId blob;
};  // needs no answer
struct OpenAggregate {
  std::uint64_t round = 0, attempt = 0;
};  // a fresh aggregator; one still open is dropped
// Check with check_values(), then accumulate; answered by Accumulated. Carried out in the order
// asked for. `values` are the raw little-endian floats of the update; what holds them goes once
// they are accumulated, unless the aggregator retains updates.
struct Accumulate {
  std::uint64_t round = 0, attempt = 0;
  std::string site;
  Chunks values;
  double weight = 1;
};
// For as long as the run lasts every site of the run may fetch exactly this blob, for round 0: the
// file of a captured network. What Serve says changes nothing about it.
struct Publish {
  SharedBlob blob;
};
// Asked for under central privacy, before the noise of this round is drawn: make its charge
// durable; answered by RoundCharged or ChargeFailed. A round has one charge, whatever the attempt
// or the process: nothing leaves before the round is persisted, so until then a draw may be
// forgotten.
struct ChargeRound {
  std::uint64_t round = 0, attempt = 0;
};
// Apply the aggregated change to the current model; answered by AggregationDone with the new model,
// or ...Failed. `opening`: of a secure aggregation, the masks that open the sum.
struct FinishAggregate {
  std::uint64_t round = 0, attempt = 0;
  std::shared_ptr<const std::vector<secagg::Mask>> opening = {};
};
struct DropAggregate {
  std::uint64_t round = 0, attempt = 0;
};  // the attempt was abandoned
// One transaction: the round, every cohort member's contribution and, when closed, the model (a
// checkpoint on disk before the transaction). Replaces the record of an earlier attempt. Answered
// by RoundPersisted or PersistFailed.
struct PersistRound {
  RoundRecord record;
  SharedBlob model;
};
// Metrics of the model left by `round`, reported after the round's record was written (the final
// model's).
struct RecordMetrics {
  std::string site;
  std::uint64_t round = 0;
  std::vector<Metric> metrics;
};
// The last action: write the outcome and end. What was sent before still goes out.
struct Finish {
  Outcome outcome = Outcome::finished;
  std::string reason;
};

}  // namespace at_coordinator

using CoordinatorEvent =
    std::variant<Started, Tick, StopRequested, at_coordinator::MessageFrom,
                 at_coordinator::PeerLost, at_coordinator::PullProgress, at_coordinator::PullDone,
                 at_coordinator::PullFailed, at_coordinator::Served, at_coordinator::Accumulated,
                 at_coordinator::RoundCharged, at_coordinator::ChargeFailed,
                 at_coordinator::AggregationDone, at_coordinator::AggregationFailed,
                 at_coordinator::RoundPersisted, at_coordinator::PersistFailed,
                 at_coordinator::KeysChanged>;

using CoordinatorAction = std::variant<
    at_coordinator::Send, at_coordinator::Serve, at_coordinator::Publish, at_coordinator::Pull,
    at_coordinator::CancelPull, at_coordinator::OpenAggregate, at_coordinator::Accumulate,
    at_coordinator::ChargeRound, at_coordinator::FinishAggregate, at_coordinator::DropAggregate,
    at_coordinator::PersistRound, at_coordinator::RecordMetrics, at_coordinator::Finish, LogEvent>;

using CoordinatorActions = std::vector<CoordinatorAction>;

namespace at_site {

// ---- events
struct MessageFrom {
  Message message;
};
struct LineRestored {
};  // the connection was lost and is back, perhaps to another coordinator process
struct NetworkFound {
  BlobId blob;
  Bytes bytes;
};  // kept from before, and verified against its id
struct NetworkMissing {
  BlobId blob;
};
struct Prepared {
  std::string layout;
};  // the network is built; its layout's hash
struct PrepareFailed {
  std::string reason;
};
struct ModelReady {
  BlobId blob;
  Bytes bytes;
};  // verified against its id
struct ModelFailed {
  BlobId blob;
  std::string reason;
};
struct ModelProgress {
  BlobId blob;
  std::uint64_t received = 0;
};  // bytes so far; keeps a slow pull alive
// What the run costs the site's data set, and what everything ever has; infinite where a mechanism
// promises nothing. A finite epsilon is a promise: then nothing that depends on data leaves the
// site beside the update.
struct Reserved {
  std::uint64_t job = 0;
  double epsilon = 0;
  double delta = 0;
  double lifetime = 0;
  std::optional<LedgerPosition> ledger = {};
};
struct ReservationRefused {
  std::uint64_t job = 0;
  std::string reason;
};
struct TrainProgress {
  std::uint64_t job = 0;
  std::int64_t step = 0, steps = 0;
};
struct Trained {
  std::uint64_t job = 0;
  TrainResult result;
  SharedBlob update;
  std::optional<LedgerPosition> recorded = {};  // where the site's signed log stands
};
// Under privacy the reason stays at the site.
struct TrainFailed {
  std::uint64_t job = 0;
  std::string reason;
};
struct Evaluated {
  std::uint64_t job = 0;
  std::vector<Metric> metrics;
};
struct Persisted {
  std::uint64_t job = 0;
};
struct PersistFailed {
  std::uint64_t job = 0;
  std::string reason;
};
struct SecureAnswered {
  std::uint64_t job = 0;
  Bytes answer;
  SharedBlob masked;  // of the step `mask`: the update under its masks
  // Of the step `advertise`, where the noise is drawn for the sum: what the attempt is charged.
  std::optional<Reserved> charge = {};
};
struct SecureRefused {
  std::uint64_t job = 0;
  std::string reason;
};

// ---- actions
struct Send {
  Message message;
};  // to the coordinator
// Look for the file of a captured network among those that were kept; answered by NetworkFound or
// NetworkMissing.
struct FindNetwork {
  BlobId blob;
};
// Build the network from the coordinator's [network] and [training] tables, and charge the whole
// run's privacy to the ledger; answered by Prepared or PrepareFailed. Asked once a run, and not at
// all when SiteOptions::layout is given. A captured network comes with its file, which is to be
// kept, so that a later process finds it.
struct Prepare {
  std::string run;
  std::uint64_t rounds = 1;
  Settings network, training, privacy, mechanism;
  std::optional<LedgerPosition> ledger = {};  // that the coordinator remembers
  BlobId file_id = {};
  Bytes file = {};  // empty: a built-in network
  Settings secure_aggregation = {};
};
struct Pull {
  std::uint64_t round = 0;
  BlobId blob;
};  // from the coordinator; replaces a pull under way
struct CancelPull {};
// Asked when the task has a [privacy] or a [mechanism] table: make the charge durable in the ledger
// before anything is trained, on the run's schedule or beyond it; answered by Reserved or
// ReservationRefused. The same (run, round, attempt) again is the same charge. `attempt` counts the
// outputs of this round, from 1: it grows only when the round is to be trained on another model
// after an output was already stored. A charge whose output was released is refused: it pays for
// that output alone.
struct Reserve {
  std::uint64_t job = 0;
  TrainTask task;
  std::uint64_t attempt = 1;
};
// Evaluate `model` first if asked to (its metrics go into the result), then train, then apply the
// mechanism, if any. Answered by Trained or TrainFailed.
struct Train {
  std::uint64_t job = 0;
  TrainTask task;
  Bytes model;
  bool evaluate = false;
};
struct AbortTraining {
  std::uint64_t job = 0;
};  // let Progress return false; TrainFailed (or Trained) still follows
struct Evaluate {
  std::uint64_t job = 0;
  TrainTask task;
  Bytes model;
};  // the final model; answered by Evaluated
// Write the update to the outbox and sync it, then mark the charge released with the update's hash.
// Earlier rounds' results of this run may be deleted. Answered by Persisted or PersistFailed.
struct Persist {
  std::uint64_t job = 0;
  StoredResult result;
  bool charged = false;
};
// One step of secure aggregation, of the update that is stored; answered by SecureAnswered or
// SecureRefused. The step `advertise` begins an attempt, whatever was before it; all its secrets go
// with the process. Before the answer to `unmask` it is durable which sum the site opens in this
// round, and another is refused.
struct SecureStep {
  std::uint64_t job = 0;
  std::uint64_t attempt = 1;
  secagg::Step step = secagg::Step::advertise;
  Bytes request;
  StoredResult stored;
  TrainTask task;
  Settings secure_aggregation;  // of the task
};
// From now on the coordinator may fetch exactly this blob; replaces what was served before. Null:
// nothing.
struct Serve {
  SharedBlob blob;
  std::uint64_t round = 0;
};
struct KeepFinalModel {
  Bytes model;
};  // the run's result: save it, if the site wants it
// Append it to the site's signed log, unless it stands there to the letter: a process that was
// killed says again what it said.
struct Log {
  Record record;
};
// The last action; what was sent before still goes out. `refused`: the coordinator will not have
// this site.
struct Stop {
  Outcome outcome = Outcome::finished;
  std::string reason;
};

}  // namespace at_site

using SiteEvent =
    std::variant<Started, Tick, StopRequested, at_site::MessageFrom, at_site::LineRestored,
                 at_site::NetworkFound, at_site::NetworkMissing, at_site::Prepared,
                 at_site::PrepareFailed, at_site::ModelReady, at_site::ModelFailed,
                 at_site::ModelProgress, at_site::Reserved, at_site::ReservationRefused,
                 at_site::TrainProgress, at_site::Trained, at_site::TrainFailed, at_site::Evaluated,
                 at_site::Persisted, at_site::PersistFailed, at_site::SecureAnswered,
                 at_site::SecureRefused>;

using SiteAction =
    std::variant<at_site::Send, at_site::FindNetwork, at_site::Prepare, at_site::Pull,
                 at_site::CancelPull, at_site::Reserve, at_site::Train, at_site::AbortTraining,
                 at_site::Evaluate, at_site::Persist, at_site::SecureStep, at_site::Serve,
                 at_site::KeepFinalModel, at_site::Log, at_site::Stop, LogEvent>;

using SiteActions = std::vector<SiteAction>;

}  // namespace collegium
