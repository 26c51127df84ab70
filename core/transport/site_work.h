#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "collegium/error.h"
#include "federation/events.h"
#include "federation/site.h"
#include "transport/workers.h"

namespace collegium {

// The slow half of a site: what its state machine asks for and a driver has done on a worker
// thread. Calls come one at a time, but log() may come from any thread. Everything may throw
// collegium::Error.
class SiteWork {
 public:
  struct Spent {
    double epsilon = 0;  // of the run
    double delta = 0;
    double lifetime = 0;  // epsilon of everything the data set was ever charged for
    std::optional<LedgerPosition> ledger = {};
  };
  struct Output {
    TrainResult result;
    SharedBlob update;
  };

  virtual ~SiteWork() = default;

  // reserve() and persist() wait for a disk. Otherwise the driver calls them where it stands.
  virtual bool durable() const = 0;

  // The file of a captured network, if it was kept and is whole.
  virtual std::optional<Bytes> find_network(const BlobId& file) = 0;
  // Keeps the file of a captured network, builds the network and charges the run's schedule; the
  // hash of the layout. Throws BudgetExhausted before anything is computed when the schedule does
  // not fit.
  virtual std::string prepare(const at_site::Prepare& run) = 0;
  // Makes the charge durable; throws BudgetExhausted. The same (run, round, attempt) again is the
  // same charge.
  virtual Spent reserve(const TrainTask& task, std::uint64_t attempt) = 0;
  virtual Output train(const at_site::Train& order, const Progress& progress) = 0;
  virtual std::vector<Metric> evaluate(const TrainTask& task, const Bytes& model) = 0;
  virtual void persist(const StoredResult& result, bool charged) = 0;
  // Into the site's signed log, unless it stands there; and where that stands.
  virtual void record(const Record&) {}
  virtual std::optional<LedgerPosition> recorded() { return {}; }
  // A step of secure aggregation: the answer, and in the step `mask` the masked update.
  struct SecureAnswer {
    Bytes bytes;
    SharedBlob masked;
    std::optional<Spent> spent = {};  // of the step `advertise`, where noise is drawn for the sum
  };
  virtual SecureAnswer secure_step(const at_site::SecureStep& order) = 0;
  virtual void keep_final_model(const Bytes& model) = 0;
  virtual void log(const LogEvent& event) = 0;
};

// Carries out the machine's slow actions and posts what came of them.
class SiteJobs {
 public:
  using Post = std::function<void(SiteEvent)>;  // may be called from any thread

  SiteJobs(SiteWork& work, Workers& workers, Post post);

  bool start(const SiteAction& action);  // false: not a slow action, the driver's own business
  void wait();                           // until all that was started is done
  void abandon_all();  // the process is to end: running training gives up at its next step

 private:
  void run(bool here, std::function<void()> job);
  void train(const at_site::Train& order);

  SiteWork& work_;
  Strand strand_;
  Post post_;
  std::shared_ptr<std::atomic<std::uint64_t>> aborted_;  // jobs up to this number are to give up
};

}  // namespace collegium
