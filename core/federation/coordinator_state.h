#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "federation/bodies.h"
#include "federation/cohort.h"
#include "federation/coordinator.h"
#include "secagg/server.h"

namespace collegium {

// What a coordinator remembers, and one function an event or a step of the protocol. Split over
// five files: coordinator.cpp (who is here), _round (tasks and results), _collect (updates),
// _secure (updates under masks), _end (records and the end).
struct Coordinator::State {
  using Phase = CoordinatorSnapshot::Phase;
  using Stage = Member::Stage;

  CoordinatorOptions options;
  Cohort cohort;
  CoordinatorActions actions;

  double now = 0;
  Phase phase = Phase::starting;
  bool started = false;
  bool resumed = false;  // with rounds closed before this process
  double started_at = 0;
  std::optional<double> quorum_since;  // starting: since when min_sites are here
  double reminded_at = 0;

  std::uint64_t closed_round = 0;
  SharedBlob model;                // after the closed round
  std::vector<Contribution> last;  // of the closed round
  // Of the rounds closed by this process: repeats of old results get a true answer.
  std::map<std::uint64_t, std::map<std::string, Digest>> counted;

  std::uint64_t round = 0, attempt = 0;
  double opened = 0, deadline = 0;
  std::uint64_t in_before = 0, out_before = 0;  // bytes of all sites when the attempt opened
  std::optional<LedgerPosition> recorded;  // where the signed log stood when the attempt opened
  std::optional<LedgerPosition> recorded_since;
  std::optional<secagg::SecureAggregationServer> sum;  // of this attempt
  double step_deadline = 0;                            // of the sum's present step
  std::vector<std::string> opening;   // of this attempt: whose sum has begun to be opened
  std::vector<std::string> bound_to;  // ... of the last one: no other sum of the round is opened
  RoundRecord record;                 // while it is being written
  SharedBlob next_model;

  bool stopping = false;
  std::string stop_reason;
  Outcome outcome = Outcome::finished;
  std::string outcome_reason;
  double ending_since = 0;

  State(CoordinatorOptions the_options, CoordinatorResume resume);

  // coordinator.cpp
  void on(const Started& event);
  void on(const Tick& event);
  void on(const StopRequested& event);
  void on(const at_coordinator::MessageFrom& event);
  void on(const at_coordinator::PeerLost& event);
  void on(const at_coordinator::Served& event);
  void on(const at_coordinator::KeysChanged& event);
  void on_join(std::string_view site, const Message& message);
  void on_pong(Member& member, const Message& message);
  void on_leave(Member& member, const Message& message);
  void heard(Member& member);
  // Lost for now, or gone: who has said goodbye, or was silent for too long.
  void lose(Member& member, const std::string& reason, bool gone);
  void check_start();
  void check_liveness();
  double next_tick() const;

  // coordinator_round.cpp
  void open_round();
  void open_attempt();
  void draw_cohort();
  void send_task(Member& member);
  void grant_time(const Member& member);  // that the model takes to reach it
  void decide();                          // working: collect, abandon or go on waiting

  // coordinator_results.cpp
  void on_result(Member& member, const Message& message);
  void on_failed(Member& member, const Message& message);
  void announce(Member& member, const Message& message, const ResultBody& body);
  void remember_ledger(Member& member, const ResultBody& body);
  void on_old_result(Member& member, const Message& message);
  Signed receipt_for(std::string_view site, std::uint64_t of_round, const Digest& update) const;
  void accept(std::string_view site, std::uint64_t of_round, std::uint64_t request,
              const Digest& update);
  void answer(const Member& member, std::uint64_t of_round, std::uint64_t request,
              const Contribution& contribution);
  void refuse_result(const Member& member, const Message& message, std::optional<Digest> update,
                     const Refusal& refusal);

  // coordinator_collect.cpp
  void on(const at_coordinator::PullProgress& event);
  void on(const at_coordinator::PullDone& event);
  void on(const at_coordinator::PullFailed& event);
  void on(const at_coordinator::Accumulated& event);
  void begin_collecting();
  void pump();     // start pulls and accumulations as staging and order allow
  void advance();  // after anything that may settle an update
  void start_pull(Member& member);
  void cancel_pull(Member& member);
  void give_up_update(Member& member);  // of a site that was lost with it
  void reject(Member& member, RefusalCode code, const std::string& text);
  void check_pulls();
  bool awaits(const Member& member, const BlobId& blob) const;
  const BlobId& blob_of(const Member& member) const;

  // coordinator_secure.cpp
  void open_sum();
  std::uint32_t number_of(const Member& member) const;  // in the roster of the sum
  void bind_sum();  // to those whose sum the last attempt had begun to open
  void begin_sum();
  void advance_sum();
  void pump_sum();
  bool awaited_in_sum(const Member& member) const;
  void ask_in_sum(Member& member);
  void on_secured(Member& member, const Message& message);
  void announce_masked(Member& member, const SecureBody& body, const Bytes& payload);
  void lost_its_keys(Member& member, const std::string& why);
  void close_sum_step(bool overdue);
  void check_sum();

  // coordinator_end.cpp
  void on(const at_coordinator::RoundCharged& event);
  void on(const at_coordinator::ChargeFailed& event);
  void on(const at_coordinator::AggregationDone& event);
  void on(const at_coordinator::AggregationFailed& event);
  void on(const at_coordinator::RoundPersisted& event);
  void on(const at_coordinator::PersistFailed& event);
  void abandon(const std::string& reason);
  void persist(bool closed, const std::string& reason);
  void after_round();
  void end(Outcome how, const std::string& reason);
  void send_finished(Member& member, std::uint64_t request = 0);
  void check_end();
  void finish();

  void act(CoordinatorAction action) { actions.push_back(std::move(action)); }
  void log(LogEvent::Level level, std::string_view site, std::string text);
  void send(std::string_view site, Kind kind, std::uint64_t of_round, std::uint64_t request,
            Settings body, Bytes payload = {});
  void serve(std::uint64_t of_round);  // the current model to everybody who is here
  Instructions instructions() const {
    return {options.network, options.training, options.privacy, options.mechanism,
            options.secure_aggregation};
  }
  bool open() const { return phase == Phase::working || phase == Phase::collecting; }
};

}  // namespace collegium
