#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "federation/events.h"

namespace collegium {

// A rule of the site's own policy that a task breaks: named on both ends.
struct PolicyRefusal {
  std::string rule;  // "models"
  std::string text;  // "the network 'unet' is not among those this site allows: segresnet"
};
// Looks at a task's body (round, rounds, network, training, privacy, mechanism), or at a welcome's,
// which has the same tables.
using PolicyCheck = std::function<std::optional<PolicyRefusal>(const Settings& task)>;

struct SiteOptions {
  std::string name;
  std::string software = "collegium";
  std::string layout = {};  // hash, when the network is there already; empty: Prepare asks for it
  PolicyCheck policy;       // empty: everything is allowed
  std::string policy_hash = {};            // of [policy], for the signed log
  std::optional<SigningKey> signing = {};  // for its results
  // The key that must have signed what the coordinator accepts; empty: the one it welcomes with.
  std::optional<VerifyKey> coordinator = {};

  // Seconds.
  double join_after = 1;  // first repeat of a join; doubles up to join_at_most
  double join_at_most = 60;
  double silence_limit = 60;  // a coordinator silent for so long is asked again
  double give_up = 86400;     // a coordinator silent for so long is gone: stop
  double result_after = 2;    // first repeat of a result; doubles up to result_at_most
  double result_at_most = 60;
  double final_wait = 300;  // for the final model and its evaluation
  double pull_stall = 120;  // a pull without a new byte for so long is begun again
  int model_attempts = 5;   // at pulling one model, or a network's file
  // Under privacy a result is announced at a multiple of this after its task, so that how long the
  // work took is not told to the second. 0: at once.
  double release_every = 0;

  std::size_t inline_limit = kInlineLimit;  // bytes of an update that still travels in its message
};

struct SiteSnapshot {
  enum class Phase : std::uint8_t {
    joining,
    fetching,
    preparing,
    idle,
    pulling,
    reserving,
    training,
    storing,
    announced,
    accepted,
    refused,
    failed,
    finishing,
    stopped
  };
  Phase phase = Phase::joining;
  std::uint64_t round = 0, rounds = 0;
  std::int64_t step = 0, steps = 0;
  std::string reason;  // of refused, failed, stopped
};
std::string_view name_of(SiteSnapshot::Phase phase);

// A site's half of the protocol, pure.
//
// Joins, and joins again whenever the coordinator was silent or does not know it. Then it builds
// the run's network; the file of a captured one goes through the policy and is fetched, once for
// all its processes. A task goes through the site's policy -> the model is pulled -> the privacy
// charge is reserved -> training -> the result is stored and released -> announced, until the
// coordinator has answered. A result that is stored is sent again, never computed again; under
// privacy nothing but it depends on data: no loss, no metrics, no progress, no reason for a failure
// of training, and until it is released not even how far the work is.
class Site {
 public:
  explicit Site(SiteOptions options, std::optional<StoredResult> stored = {});
  ~Site();
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  SiteActions handle(const SiteEvent& event);
  double next_tick() const;  // when a Tick is wanted at the latest, by the events' clock
  bool done() const;         // Stop was asked for
  SiteSnapshot snapshot() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace collegium
