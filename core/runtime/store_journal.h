#pragma once
#include <chrono>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "runtime/run_events.h"
#include "store/record_log.h"
#include "store/run_store.h"
#include "transport/roster.h"
#include "transport/run_work.h"

namespace collegium {

// Writes a run down in its folder and tells those who watch, in this order. Calls may come from
// several threads.
class StoreJournal final : public RunJournal {
 public:
  StoreJournal(RunStore& store, Layout layout, std::int64_t keep_checkpoints, RunEvents events,
               std::string author, SigningKey signing, Roster roster = {});
  ~StoreJournal() override;  // writes the rest of the log

  void round(const RoundRecord& record, std::span<const float> model) override;
  std::optional<LedgerPosition> recorded() override;
  void record(const Record& record);  // into the signed log
  void charge(std::uint64_t round, const PrivacyEvent& event, double delta) override;
  void metrics(const std::string& site, std::uint64_t round,
               const std::vector<Metric>& metrics) override;
  void log(const LogEvent& event) override;
  void sites(const std::vector<SiteView>& sites) override;
  void finish(Outcome outcome, const std::string& reason, std::span<const float> model) override;

 private:
  void flush();  // with the lock held

  std::mutex mutex_;
  RunStore& store_;
  Layout layout_;
  std::int64_t keep_checkpoints_;
  RunEvents events_;
  RecordLog log_;
  Roster roster_;
  std::vector<EventRow>
      lines_;  // of the log, not written yet: a line is not worth a wait for the disk
  std::chrono::steady_clock::time_point flushed_;
};

// Rows of the store and contributions of the state machine say the same; a resumed coordinator
// reads them back.
ContributionRow row_of(const Contribution& contribution);
Contribution contribution_of(const ContributionRow& row);

}  // namespace collegium
