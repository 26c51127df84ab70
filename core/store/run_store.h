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

#include "base/ledger_position.h"
#include "collegium/layout.h"
#include "collegium/privacy.h"
#include "store/database.h"
#include "store/lock_file.h"
#include "store/timestamp.h"

namespace collegium {

// What a run is; written once when its folder is made.
struct RunInfo {
  std::string run = {};     // hex of the run's id
  std::string name = {};    // of the federation
  std::string config = {};  // TOML
  std::string layout = {};  // hash
  bool simulation = false;
};

// What one site gave to one round, or why it gave nothing.
struct ContributionRow {
  std::string site = {};
  std::string state = {};   // accepted, rejected, missing, failed
  std::string code = {};    // of a refusal or failure: "norm_too_large"; empty when accepted
  std::string reason = {};  // the same for people
  double weight = 0;
  std::int64_t steps = 0;
  std::optional<double> loss = {};  // empty: withheld
  double seconds = 0;               // from the task to the result
  std::int64_t bytes = 0;
  std::string update_hash = {};
  // What the site says: epsilon of this run, and of everything its data set was ever charged for.
  std::optional<double> epsilon = {};  // empty: it made no statement
  std::optional<double> lifetime = {};
  std::optional<double> delta = {};
  std::optional<LedgerPosition> ledger = {};
  std::string note = {};  // what else a person should know
};

struct MetricRow {
  std::uint64_t round = 0;  // of the model left by this round; 0: the model the run started from
  std::string site = {};
  std::string name = {};  // "dice_wt"
  double value = 0;
  std::int64_t count = 0;  // subjects behind the value
};

struct SiteRow {
  std::string name = {};
  std::string public_key = {};
  std::string state = {};  // away, ready, working, ...
  std::string software = {};
};

struct EventRow {
  std::chrono::system_clock::time_point at = {};
  std::string level = {};  // info, warning, error
  std::string site = {};   // empty: not about one site
  std::string text = {};
};

// What a round under central privacy was charged, before its noise was drawn.
struct ReleaseRow {
  std::uint64_t round = 0;
  PrivacyEvent event = {};
  double epsilon = 0;  // of this charge and all before it
  double delta = 0;
  bool released = false;        // its round is closed, with this model
  std::string model_hash = {};  // empty until then
};

// A model in the run's folder: `file` relative to the folder, `hash` of its raw float32 bytes, in
// hex.
struct Checkpoint {
  std::string file = {};
  std::string hash = {};
};

struct RoundRow {
  std::uint64_t number = 0;
  std::int64_t attempts = 1;
  std::chrono::system_clock::time_point opened = {};
  std::chrono::system_clock::time_point closed = {};
  double seconds = 0;
  Checkpoint model = {};  // after this round; empty for an abandoned one
  std::int64_t bytes_in = 0;
  std::int64_t bytes_out = 0;
  std::string reason = {};  // why it was abandoned, or who was left out
};

inline constexpr const char* kNetworkFile = "network.safetensors";

// What a run leaves behind: FOLDER/run.db, checkpoints/round-000012.safetensors, model.safetensors,
// and network.safetensors where its network was captured.
// One process writes it; any number read run.db beside it (Python's sqlite3 does).
//
// A round counts when its row says so, and its row is committed after its model is durable: a crash
// at any point resumes at the last closed round, whose model is there.
class RunStore {
 public:
  // Makes the folder, or opens it when `info.run` is the run that is in it; refuses another run's
  // folder.
  static RunStore create(const std::filesystem::path& folder, const RunInfo& info);
  static RunStore open(const std::filesystem::path& folder);  // refuses a folder without a run
  // Whether there is a run in the folder; a process that died over create() may have left none.
  static bool begun(const std::filesystem::path& folder);

  Database& database() { return database_; }  // for the signed log, which lies beside the rounds
  const RunInfo& info() const { return info_; }
  const std::filesystem::path& folder() const { return folder_; }
  std::string state() const;  // running, finished, stopped, failed

  // The last closed round with its model; empty: no round was closed yet.
  struct Closed {
    std::uint64_t round = 0;
    Checkpoint model = {};
  };
  std::optional<Closed> last_closed() const;

  // Something that went into the model was released without a bound on what it gives away: the
  // run's `meta` and every model written from now on say NOT PRIVATE. Durable when it returns.
  void mark_not_private();

  // More metadata of the models that are written from now on, by this object.
  void stamp(const std::map<std::string, std::string>& metadata);
  // The file of a captured network, as network.safetensors: a run's folder holds all that is needed
  // to go on and to use its models. Once; later calls change nothing.
  void keep_network(std::span<const std::uint8_t> file);

  // Durable when it returns. Round 0 is the model the run starts from.
  Checkpoint write_checkpoint(std::uint64_t round, const Layout& layout,
                              std::span<const float> model);
  // Throws SystemError when the file is missing or is not what the run recorded.
  std::vector<float> load_checkpoint(const Checkpoint& model, const Layout& layout) const;

  // Charges `event` to a round, once: repeating it finds the same charge, another event for it is
  // refused (ConfigError). Durable when it returns. Closing the round marks it released in the same
  // transaction: until then no process has shown the model to anybody, so a restart may draw again.
  ReleaseRow charge(std::uint64_t round, const PrivacyEvent& event, double delta);
  std::vector<ReleaseRow> releases() const;  // by round

  // One transaction, `within` included. Rows of an earlier, abandoned attempt at the same round are
  // replaced.
  void close_round(const RoundRow& round, std::span<const ContributionRow> contributions,
                   std::span<const MetricRow> metrics, const std::function<void()>& within = {});
  void abandon_round(const RoundRow& round, std::span<const ContributionRow> contributions,
                     std::span<const MetricRow> metrics = {},
                     const std::function<void()>& within = {});

  void record_metrics(
      std::span<const MetricRow> metrics);  // replaces those of the same round, site and name
  std::vector<ContributionRow> contributions(std::uint64_t round) const;
  // By site, the latest position of its privacy ledger that it told in this run.
  std::map<std::string, LedgerPosition> ledgers() const;

  void record_site(const std::string& name, const std::string& public_key, const std::string& state,
                   const std::string& software);
  void event(std::string_view level, std::string_view site, std::string_view text);
  // Many at a time, in one transaction.
  void record_sites(std::span<const SiteRow> sites);
  void events(std::span<const EventRow> events);

  // Ends the run: writes model.safetensors from the given model unless that is empty, then the
  // state.
  void finish(std::string_view state, std::string_view reason, const Layout& layout,
              std::span<const float> model);
  void reopen();  // a stopped run goes on

  // Deletes all but the `keep` newest checkpoints of closed rounds. Round 0 and files of unknown
  // origin stay.
  void prune_checkpoints(std::int64_t keep);

 private:
  RunStore(std::filesystem::path folder, Database::Mode mode);
  void write_round(const RoundRow& round, std::string_view state,
                   std::span<const ContributionRow> contributions,
                   std::span<const MetricRow> metrics, const std::function<void()>& within);
  std::map<std::string, std::string> stamps() const;  // the metadata of a model
  std::string meta(std::string_view key) const;
  void set_meta(std::string_view key, std::string_view value);

  std::filesystem::path folder_;
  LockFile lock_;
  Database database_;
  RunInfo info_;
  std::map<std::string, std::string> stamps_;
};

}  // namespace collegium
