#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "collegium/aggregator.h"
#include "collegium/layout.h"
#include "collegium/privacy.h"
#include "federation/coordinator.h"
#include "privacy/central_plan.h"
#include "transport/coordinator_work.h"
#include "transport/float_bytes.h"
#include "transport/secure_sum.h"

namespace collegium {

// Where a run is written down. Calls come one at a time.
class RunJournal {
 public:
  virtual ~RunJournal() = default;
  // Durable when it returns; `model` is empty for an abandoned round.
  virtual void round(const RoundRecord& record, std::span<const float> model) = 0;
  virtual std::optional<LedgerPosition> recorded() { return {}; }  // where its signed log stands
  // The charge of a round under central privacy: durable when it returns, and the same one however
  // often it is asked for. It counts as released with the round that is closed.
  virtual void charge(std::uint64_t round, const PrivacyEvent& event, double delta) = 0;
  virtual void metrics(const std::string& site, std::uint64_t round,
                       const std::vector<Metric>& metrics) = 0;
  virtual void log(const LogEvent& event) = 0;
  virtual void sites(const std::vector<SiteView>&) {}  // who is here; told when it has changed
  virtual void finish(Outcome outcome, const std::string& reason, std::span<const float> model) = 0;
};

// Aggregation by a plugin, the model it moves, and the journal: model after = model before + the
// aggregated update, with noise on it under central privacy.
//
// A linear aggregator treats every value alike, so each 1 MiB of the model has one of its own, and
// an update is never copied out of the messages that it came in; what has been accumulated of it,
// and what has been finished of a sum, is let go at once. Other aggregators get whole updates.
class RunWork final : public CoordinatorWork {
 public:
  struct Options {
    RoundRules rules;
    std::function<std::unique_ptr<Aggregator>()> aggregator;  // a new one every round
    SharedBlob model;                                         // where the run stands
    std::optional<CentralPlan> central;  // noise for the aggregate; then the next two and a journal
    // Updates come masked: their sum is opened into one weighted mean, which is all that the
    // aggregator sees.
    std::optional<secagg::IntegerCode> secure = {};
    const Layout* layout = nullptr;
    SecureRandom* random = nullptr;
    RunJournal* journal = nullptr;                     // none: nothing is written down
    std::function<void(const RoundRecord&)> on_round;  // after it is durable; from a worker thread
    std::function<void(const LogEvent&)> on_log;
  };
  explicit RunWork(Options options);

  bool small() const override { return small_; }
  bool durable() const override { return options_.journal != nullptr; }
  void open_aggregate(std::uint64_t round) override;
  std::optional<Refusal> accumulate(const std::string& site, Chunks values, double weight) override;
  void charge(std::uint64_t round) override;
  SharedBlob finish_aggregate(std::span<const secagg::Mask> opening) override;
  void drop_aggregate() override;
  void persist(const RoundRecord& record, const SharedBlob& model) override;
  std::optional<LedgerPosition> recorded() override;
  void record_metrics(const std::string& site, std::uint64_t round,
                      const std::vector<Metric>& metrics) override;
  void log(const LogEvent& event) override;
  void sites(const std::vector<SiteView>& sites) override;
  void finish(Outcome outcome, const std::string& reason) override;

  const SharedBlob& model() const {
    return model_;
  }  // after the last closed round; not while a driver runs

 private:
  Options options_;
  SharedBlob
      model_;  // the one copy: a model of the start that is kept would cost its size for good
  bool small_;
  std::vector<std::unique_ptr<Aggregator>> parts_;  // of the model, one after the other
  std::optional<SecureSum> sum_;
  std::vector<double> weights_;   // of what was accumulated
  std::vector<Floats> retained_;  // for an aggregator that looks at all updates at once
  std::vector<std::unique_ptr<std::string>> names_;  // Update::site is a view
};

}  // namespace collegium
