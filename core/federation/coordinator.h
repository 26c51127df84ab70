#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "federation/events.h"
#include "secagg/session.h"

namespace collegium {

struct CoordinatorOptions {
  RunId run{};
  std::string name;
  std::vector<std::string> sites;  // who may take part; their order is the cohort's
  // Which of them are asked in an attempt at a round, at least min_sites; empty: all, always. The
  // machine draws nothing itself.
  std::function<std::vector<bool>(std::uint64_t round, std::uint64_t attempt)> draw_cohort;
  std::size_t min_sites = 1;  // results that a round needs to close
  std::uint64_t rounds = 1;
  std::uint64_t evaluate_every = 1;  // rounds; 0: never
  std::uint64_t seed = 1;
  double round_deadline = 3600;
  bool deterministic = true;    // combine in cohort order; otherwise in order of arrival
  std::size_t staging = 1;      // updates in memory at a time
  std::uint64_t attempts = 3;   // at one round before the run is given up
  bool charges_rounds = false;  // central privacy: a round is paid for before it is aggregated
  std::string layout;           // its hash
  std::optional<SigningKey> signing = {};  // for what it accepts
  // Whose results must be signed, and with which keys: one, or two while a site changes its own. A
  // site that is not named here is believed the key that it joins with, or none.
  Signers signers = {};
  // Updates come under masks, and only their sum is opened: the keys of `sites`, in their order.
  // Then `secure_aggregation` has the terms, and every step of a sum has so many seconds.
  std::vector<secagg::Peer> secure_roster = {};
  double secure_step = 600;
  RoundRules rules;
  Settings network, training, privacy,
      mechanism;                     // the tables of the configuration, handed on as they are
  Settings secure_aggregation = {};  // SecureTerms
  SharedBlob network_file = {};      // of a captured network, as `network` names it

  // Seconds.
  double start_wait = 30;      // with min_sites there, wait so long for the others
  double start_limit = 86400;  // with fewer there, give up
  double ping_every = 10;
  double silence_limit = 60;  // a site silent for so long is lost
  double pull_stall = 60;     // a pull without a new byte for so long is given up
  double resend_after = 5;    // a task is not repeated sooner
  double final_wait = 600;    // for sites to fetch and evaluate the final model

  std::size_t inline_limit = kInlineLimit;  // bytes of a model that still travels in its message
};

// Where a run stands after its last closed round. A new run: closed_round 0 and the initial model.
struct CoordinatorResume {
  std::uint64_t closed_round = 0;
  SharedBlob model;
  std::vector<Contribution>
      last;  // of the closed round: repeated results get the same answer as before the restart
  std::map<std::string, LedgerPosition> ledgers = {};  // by site, the latest they told
  std::optional<LedgerPosition> recorded = {};         // where the signed log stands
};

struct SiteView {
  enum class State : std::uint8_t {
    away,
    ready,
    working,
    announced,
    pulling,
    staged,
    accepted,
    rejected,
    failed
  };
  std::string name;
  State state = State::away;
  std::string reason;                         // of away, rejected, failed
  double last_heard = 0;                      // 0: never
  std::int64_t step = 0, steps = 0;           // of local training, where the site may say so
  std::uint64_t bytes_in = 0, bytes_out = 0;  // of blobs, in the whole run
  std::string software;
};
std::string_view name_of(SiteView::State state);

struct CoordinatorSnapshot {
  enum class Phase : std::uint8_t {
    starting,
    working,
    collecting,
    aggregating,
    persisting,
    ending,
    done
  };
  Phase phase = Phase::starting;
  std::uint64_t round = 0, rounds = 0, attempt = 0;
  double opened = 0, deadline = 0;  // of the round
  std::vector<SiteView> sites;      // in cohort order
};
std::string_view name_of(CoordinatorSnapshot::Phase phase);

// The coordinator's half of the protocol (docs/protocol.md), pure.
//
// A round: task to the cohort -> results announced -> pulled (in cohort order once no more are
// awaited when deterministic, else as they come; at most `staging` at a time) -> checked,
// accumulated -> closed with at least min_sites accepted, or abandoned and repeated. The cohort is
// every site of the run, or those drawn for the attempt; those away are missing, and get the task
// when they come while the round is open. A site that was lost is waited for only where the quorum
// needs it. A round is durable before the next begins, and before its results are called accepted.
class Coordinator {
 public:
  Coordinator(CoordinatorOptions options, CoordinatorResume resume);
  ~Coordinator();
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;

  CoordinatorActions handle(const CoordinatorEvent& event);
  double next_tick() const;  // when a Tick is wanted at the latest, by the events' clock
  bool done() const;         // Finish was asked for
  CoordinatorSnapshot snapshot() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace collegium
