#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "collegium/privacy.h"
#include "store/database.h"
#include "store/ledger_chain.h"
#include "store/ledger_rule.h"
#include "store/lock_file.h"
#include "store/timestamp.h"

namespace collegium {

// The patients a ledger protects. The site names the data set; one more patient does not make a new
// one.
struct LedgerDataset {
  std::string id = {};
  std::string unit = "patient";
  double delta = 1e-5;
  std::optional<double> budget =
      {};  // epsilon over the whole life; empty: charges are recorded, none is refused
  std::int64_t n_public = 0;  // 0: no count is public
};

struct LedgerRun {
  std::string id = {};  // hex
  std::string dataset = {};
  std::int64_t rounds = 1;
  bool simulation = false;
  std::string config_hash = {};
  std::string config = {};  // what it trains and under which privacy; TOML, for people
};

// What a charge is for. A retry that draws new noise is a new attempt; a restart is not.
struct ChargeKey {
  std::string run = {};
  std::uint64_t round = 0;
  std::string purpose = "train";
  std::int64_t attempt = 1;
};

enum class ChargeKind {
  schedule,  // all that a run will release, charged when it begins
  drawn,     // one release on its run's schedule: costs nothing more
  extra      // one release beyond it
};
enum class ChargeState { reserved, released, forfeited };

struct Charge {
  std::int64_t seq = 0;
  ChargeKey key = {};
  ChargeKind kind = ChargeKind::extra;
  std::vector<PrivacyEvent> cost = {};
  double epsilon_after = 0;  // of the data set, this charge included, at the data set's delta
  ChargeState state = ChargeState::reserved;
  std::string output_hash = {};  // hex, of what was released
};

// What a data set has spent, in FOLDER/site.db.
//
// A run is charged for its whole schedule when it begins, from public numbers, and refused if that
// does not fit (ledger_rule.h says what fits). Its rounds then draw on the schedule. For each of
// them the order that makes it safe to be killed anywhere is: reserve (durable) -> train and draw
// noise -> persist the bytes -> release (durable, with their hash) -> send. One charge pays for one
// release. A charge is never refunded and never made twice, rounds that are not drawn included;
// `forfeited` ("void" in the table) keeps its cost.
//
// Rows are chained (ledger_chain.h). Opening verifies the whole chain, that it still contains the
// row that FOLDER/ledger.head names, and that site.db is the very file the head was written for: a
// truncated, restored or copied database is refused. A second process that wants to write is
// refused while the first one lives; reading is open to everybody.
class Ledger {
 public:
  explicit Ledger(const std::filesystem::path& folder, Accounting accounting = {},
                  WallClock clock = std::chrono::system_clock::now);

  // May be repeated. A data set keeps its unit; a changed budget or delta is taken over and noted.
  void add_dataset(const LedgerDataset& dataset);

  // Registers a run and charges its whole schedule, or finds both from before. Throws
  // BudgetExhausted naming spent, asked, left and what would fit, and then leaves no trace;
  // ConfigError when the run is known with another data set, configuration or schedule. Durable
  // when it returns.
  Charge begin_run(const LedgerRun& run, std::span<const PrivacyEvent> schedule);

  // Reserves one release, or finds the charge made for this key before (a released one must be sent
  // again from its stored bytes, a forfeited one needs a new attempt). Within its run's schedule it
  // costs nothing more; beyond it, it is charged by itself. Throws BudgetExhausted; ConfigError
  // when the key was charged for something else. Durable when it returns.
  Charge reserve(const ChargeKey& key, std::span<const PrivacyEvent> cost);
  Charge reserve(const ChargeKey& key, const PrivacyEvent& cost) {
    return reserve(key, {&cost, 1});
  }
  // Repeating it with the same hash changes nothing; another hash for one charge is refused.
  void release(const ChargeKey& key, const Digest& output);
  void forfeit(const ChargeKey& key);

  std::optional<Charge> find(const ChargeKey& key) const;
  std::vector<Charge> charges(const std::string& dataset) const;  // in order
  std::optional<LedgerDataset> dataset(const std::string& id) const;
  double spent(const std::string& dataset) const;     // epsilon at the data set's delta
  double spent_by_run(const std::string& run) const;  // of one run alone

  Database& database() { return database_; }  // for the site's signed log, which lies beside it
  LedgerPosition position() const { return end_.position; }
  // Refuses a ledger that lacks what `witness` ("the coordinator") has seen in it: it went back.
  void require(const LedgerPosition& known, const std::string& witness) const;

  void note(std::string_view level,
            std::string_view text);  // into the site's own log, the table `note`

 private:
  void create_tables();
  void check_head() const;
  void store_head() const;
  std::string now();  // notes a clock that went backwards
  LedgerRun known_run(const std::string& id) const;
  // Commits.
  Charge append(Transaction& transaction, const LedgerDataset& dataset, const ChargeKey& key,
                ChargeKind kind, const std::vector<PrivacyEvent>& cost, double order,
                double epsilon);
  void settle(const ChargeKey& key, ChargeState state, const std::string& output_hash);

  std::filesystem::path folder_;
  LockFile lock_;
  Database database_;
  Accounting accounting_;
  WallClock clock_;
  ChainEnd end_;
  mutable std::map<std::string, double> spent_;  // by data set, until its next cost
};

// Says that the state folder is the only and the newest copy, after it was moved or restored: from
// now on its ledger is accepted where it lies. The note stays in the ledger.
void adopt_ledger(const std::filesystem::path& folder);

}  // namespace collegium
