#pragma once
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "runtime/run_events.h"
#include "store/run_store.h"
#include "transport/run_work.h"

namespace collegium {

// Writes a run down in its folder and tells those who watch, in this order. Calls may come from several threads.
class StoreJournal final : public RunJournal {
 public:
  StoreJournal(RunStore& store, Layout layout, std::int64_t keep_checkpoints, RunEvents events);

  void round(const RoundRecord& record, std::span<const float> model) override;
  void metrics(const std::string& site, std::uint64_t round, const std::vector<Metric>& metrics) override;
  void log(const LogEvent& event) override;
  void finish(Outcome outcome, const std::string& reason, std::span<const float> model) override;

 private:
  std::mutex mutex_;
  RunStore& store_;
  Layout layout_;
  std::int64_t keep_checkpoints_;
  RunEvents events_;
};

// Rows of the store and contributions of the state machine say the same; a resumed coordinator reads them back.
ContributionRow row_of(const Contribution& contribution);
Contribution contribution_of(const ContributionRow& row);

}  // namespace collegium
