#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ledger_position.h"
#include "base/signature.h"
#include "federation/trainer.h"
#include "secagg/session.h"
#include "wire/blob.h"
#include "wire/message.h"

// The bodies of the messages that the state machines read. read() throws ConfigError for what it
// cannot use; keys it does not know are left alone, so that a newer peer may say more.
namespace collegium {

inline std::string run_text(const RunId& run) { return to_hex(run); }  // 32 hex digits

// The other way, for ids that we wrote down ourselves; what is not one gives an id of zeros.
inline RunId run_id_of(std::string_view text) {
  RunId run{};
  from_hex(text, run);
  return run;
}

// A blob named in a message: {digest, size, inline}. Inline: the message's payload holds the bytes.
struct BlobNote {
  BlobId id;
  bool is_inline = false;

  Settings write() const;
  static BlobNote read(const Settings& body, const char* key);
};

// The round under which the file of a captured network is served and fetched, in any round.
inline constexpr std::uint64_t kNetworkRound = 0;
// The file that a [network] table names; empty: a built-in network. Throws ConfigError.
std::optional<BlobId> network_file_of(const Settings& network);

// The tables that tell a site what to build and how to train.
struct Instructions {
  Settings network, training, privacy, mechanism;
  Settings secure_aggregation = {};  // SecureTerms; no keys: updates are sent as they are

  void write(Settings& body) const;
  static Instructions read(const Settings& body);
  bool operator==(const Instructions& other) const;
  Digest hash() const;  // both ends write it into their logs
};

struct JoinBody {
  std::int64_t protocol = kProtocolVersion;
  std::string software;
  std::string layout;                     // hash; empty: not known yet
  std::optional<VerifyKey> signing = {};  // the key it signs its results with

  Settings write() const;
  static JoinBody read(const Settings& body);
};

struct WelcomeBody {
  std::string name;  // of the run
  std::string layout;
  std::uint64_t rounds = 0;
  Instructions instructions;
  // The latest position of the site's ledger that it told in this run: the ledger must still
  // contain it.
  std::optional<LedgerPosition> ledger = {};
  std::optional<VerifyKey> signing = {};  // the key the coordinator signs with

  Settings write() const;
  static WelcomeBody read(const Settings& body);
};

// Why not, for refuse, rejected, failed and leave: a code for programs, a text for people.
struct ReasonBody {
  std::string code = {};
  std::string reason = {};
  std::uint64_t attempt = 0;          // failed
  bool fatal = true;                  // refuse: false asks the site to join again
  std::optional<Digest> update = {};  // accepted and rejected: which result
  std::vector<Metric> metrics = {};   // leave: of the final model
  // accepted: see acceptance_statement()
  std::optional<LedgerPosition> recorded = {};
  std::optional<Signature> signature = {};

  Settings write() const;
  static ReasonBody read(const Settings& body);
};

struct TaskBody {
  std::uint64_t attempt = 1;
  std::uint64_t rounds = 1;
  std::uint64_t seed = 0;
  bool evaluate = false;
  double deadline = 0;  // seconds left
  BlobNote model;
  Instructions instructions;

  // The same work, so that the site's policy, its charge and what it has computed hold for both;
  // the attempt, and what is left of the time, may differ.
  bool asks_the_same(const TaskBody& other) const;
  Settings write(std::uint64_t round) const;
  static TaskBody read(const Settings& body);
};

struct ResultBody {
  std::uint64_t attempt = 1;
  Digest model{};  // the model that was trained on
  std::int64_t steps = 0;
  double weight = 0;  // may be anything but NaN here: the round's rules judge it
  std::optional<double> loss;
  std::vector<Metric> metrics;
  std::string note;
  std::optional<double> epsilon, lifetime, delta;  // see Contribution
  std::optional<LedgerPosition> ledger;
  std::optional<LedgerPosition> recorded = {};  // where the site's signed log stood
  BlobNote update;
  std::optional<Signature> signature = {};  // of contribution_statement()

  Settings write() const;
  static ResultBody read(const Settings& body);
};

struct PongBody {
  std::uint64_t attempt = 0;
  std::string state;  // the site's phase
  bool busy = false;  // it works on the round in the header, or waits for the answer to its result
  std::int64_t step = 0, steps = 0;

  Settings write() const;
  static PongBody read(const Settings& body);
};

// A step of secure aggregation, and its answer; the bytes are the payload (core/secagg/messages.h).
struct SecureBody {
  std::uint64_t attempt = 1;
  secagg::Step step = secagg::Step::advertise;
  std::optional<BlobNote> update = {};  // the masked one

  Settings write() const;
  static SecureBody read(const Settings& body);
};

struct FinishedBody {
  std::string outcome;  // "finished", "stopped", "failed"
  std::string reason;
  bool evaluate = false;
  std::optional<BlobNote> model;

  Settings write() const;
  static FinishedBody read(const Settings& body);
};

}  // namespace collegium
