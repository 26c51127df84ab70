#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "collegium/privacy.h"
#include "store/database.h"
#include "store/lock_file.h"
#include "store/timestamp.h"

namespace collegium {

// The epsilon at `delta` of everything in `events` together, for releases chosen one after the
// other (a filter: sums of Renyi divergences per order). Infinity or NaN: no guarantee.
using EpsilonOf = std::function<double(std::span<const PrivacyEvent> events, double delta)>;

// The filter of Feldman and Zrnic 2021: epsilon from the sums of Renyi divergences alone. The
// tighter curves of privacy/accountant.h hold for schedules fixed beforehand; the next run is
// chosen after seeing the last.
double renyi_filter(std::span<const PrivacyEvent> events, double delta);

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
  std::string config_hash = {};
  std::string schedule = {};  // what the run announced it would ask for, for people
};

// What a charge is for. A retry that draws new noise is a new attempt; a restart is not.
struct ChargeKey {
  std::string run = {};
  std::uint64_t round = 0;
  std::string purpose = "train";
  std::int64_t attempt = 1;
};

enum class ChargeState { reserved, released, forfeited };

struct Charge {
  std::int64_t seq = 0;
  ChargeKey key = {};
  PrivacyEvent event = {};
  double epsilon_after = 0;  // of the data set, this charge included, at the data set's delta
  ChargeState state = ChargeState::reserved;
  std::string output_hash = {};  // hex, of what was released
};

// What a data set has spent, in FOLDER/site.db. The order that makes it safe to be killed anywhere:
// reserve (durable) -> train and draw noise -> persist the bytes -> release (durable, with their
// hash) -> send. A charge is never refunded and never made twice; `forfeited` ("void" in the table)
// keeps its cost.
//
// Rows are chained: row_hash = BLAKE2b(prev_hash || what the row charges). Opening verifies the
// whole chain, and that it still contains the row that FOLDER/ledger.head names: a truncated or
// restored database is refused. A second process that wants to write is refused while the first one
// lives; reading is open to everybody.
class Ledger {
 public:
  explicit Ledger(const std::filesystem::path& folder, EpsilonOf epsilon_of = renyi_filter,
                  WallClock clock = std::chrono::system_clock::now);

  // Both may be repeated. A data set keeps its unit; a changed budget or delta is taken over and
  // noted.
  void add_dataset(const LedgerDataset& dataset);
  void add_run(const LedgerRun& run);

  // Charges `event`, or finds the charge made for this key before (a released one must be sent
  // again from its stored bytes, a forfeited one needs a new attempt). Throws BudgetExhausted
  // naming spent, asked and budget; ConfigError when the key was charged for another event. Durable
  // when it returns.
  Charge reserve(const ChargeKey& key, const PrivacyEvent& event);
  // Repeating it with the same hash changes nothing; another hash for one charge is refused.
  void release(const ChargeKey& key, const Digest& output);
  void forfeit(const ChargeKey& key);

  std::optional<Charge> find(const ChargeKey& key) const;
  std::vector<Charge> charges(const std::string& dataset) const;  // in order
  double spent(const std::string& dataset) const;                 // epsilon at the data set's delta
  std::optional<LedgerDataset> dataset(const std::string& id) const;
  Digest head() const { return head_; }

  void note(std::string_view level,
            std::string_view text);  // into the site's own log, the table `note`

 private:
  void verify_chain();
  void check_head() const;
  void write_head() const;
  std::string now();  // notes a clock that went backwards
  LedgerDataset dataset_of_run(const std::string& run) const;
  void settle(const ChargeKey& key, ChargeState state, const std::string& output_hash);

  std::filesystem::path folder_;
  LockFile lock_;
  Database database_;
  EpsilonOf epsilon_of_;
  WallClock clock_;
  std::int64_t last_seq_ = 0;
  Digest head_{};
  std::string last_at_;
};

}  // namespace collegium
