#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ledger_position.h"
#include "base/signature.h"
#include "federation/trainer.h"
#include "wire/blob.h"
#include "wire/message.h"

namespace collegium {

// A statement (federation/statements.h) and who signed it can be proved by it to anybody.
struct Signed {
  std::string text;
  Signature signature{};
};

// What became of one cohort member in one round. Every member of every round has one: nobody is
// dropped in silence.
struct Contribution {
  enum class State : std::uint8_t {
    accepted,  // it counts in the model
    rejected,  // it came and does not count
    missing,   // it did not come: the site was away, was lost or was too slow
    failed     // the site said that it could not
  };
  std::string site;
  State state = State::missing;
  std::string
      code;  // of a refusal or failure: "norm_too_large", "policy", "deadline"; empty when accepted
  std::string reason;  // the same for people; empty when accepted
  double weight = 0;
  std::int64_t steps = 0;
  std::optional<double> loss;  // absent: withheld, or no result
  // Of the model that this round's task handed out, so of RoundRecord::round - 1.
  std::vector<Metric> metrics = {};
  std::string note;
  double seconds = 0;       // from task to announcement
  std::uint64_t bytes = 0;  // of the update
  std::optional<BlobId> update = {};
  // Under privacy, as the site says. Infinite: what the site released has no bound.
  std::optional<double> epsilon;   // of this run: its whole schedule, and what came beyond it
  std::optional<double> lifetime;  // of everything its data set was ever charged for
  std::optional<double> delta;     // of both
  std::optional<LedgerPosition> ledger;
  std::optional<Signed> claim = {};    // the site's
  std::optional<Signed> receipt = {};  // the coordinator's, when accepted
};
std::string_view name_of(Contribution::State state);

// One round as it is written down: closed, or abandoned with the reason.
struct RoundRecord {
  std::uint64_t round = 0;    // first: 1
  std::uint64_t attempt = 1;  // of those since the coordinator started
  bool closed = false;
  std::string reason;            // why it was abandoned
  double opened = 0, ended = 0;  // seconds since the Unix epoch
  std::uint64_t bytes_in = 0, bytes_out = 0;
  Digest before{}, after{};  // the model handed out, and the one it left; zeros: none
  std::vector<Contribution> contributions;  // in cohort order
};

// A finished piece of local work as the outbox keeps it: sent again after a restart, never computed
// again.
struct StoredResult {
  RunId run{};
  std::uint64_t round = 0;
  std::uint64_t attempt = 1;  // of the charge: see at_site::Reserve
  Digest model{};             // the model it was trained on
  Settings body;              // of the `result` message, as it may be shown
  std::shared_ptr<const Blob> update;
  bool owes_noise = false;  // it leaves in a sum alone, under noise that is drawn with the masks
};

}  // namespace collegium
