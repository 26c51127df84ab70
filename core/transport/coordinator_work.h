#pragma once
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "collegium/error.h"
#include "federation/coordinator.h"
#include "federation/events.h"
#include "secagg/masks.h"
#include "transport/workers.h"

namespace collegium {

// The slow half of a coordinator: what its state machine asks for and a driver has done on a worker
// thread. Calls come one at a time, in the order asked for, but log() may come from any thread.
// Everything may throw collegium::Error.
class CoordinatorWork {
 public:
  virtual ~CoordinatorWork() = default;

  // Aggregating costs microseconds: it is then done in the I/O thread, which saves two changes of
  // threads a site.
  virtual bool small() const = 0;
  // persist() waits for a disk: it is then done on a worker thread, whatever small() says.
  virtual bool durable() const = 0;

  virtual void open_aggregate(std::uint64_t round) = 0;  // drops one that is open
  virtual std::optional<Refusal> accumulate(const std::string& site, Chunks values,
                                            double weight) = 0;
  // Durable when it returns; called before finish_aggregate() where the run is to be charged.
  virtual void charge(std::uint64_t round) = 0;
  // The new model. `opening`: the masks that open a sum of masked updates.
  virtual SharedBlob finish_aggregate(std::span<const secagg::Mask> opening) = 0;
  virtual void drop_aggregate() = 0;

  // The record of an earlier attempt is replaced. `model` is null for an abandoned round.
  // Afterwards it is durable.
  virtual void persist(const RoundRecord& record, const SharedBlob& model) = 0;
  virtual std::optional<LedgerPosition> recorded() { return {}; }  // where the signed log stands
  virtual void record_metrics(const std::string& site, std::uint64_t round,
                              const std::vector<Metric>& metrics) = 0;
  virtual void log(const LogEvent& event) = 0;
  virtual void sites(const std::vector<SiteView>&) {}  // who is here; told when it has changed
  virtual void finish(Outcome outcome, const std::string& reason) = 0;
};

// Carries out the machine's slow actions and posts what came of them.
class CoordinatorJobs {
 public:
  using Post = std::function<void(CoordinatorEvent)>;  // may be called from any thread

  CoordinatorJobs(CoordinatorWork& work, Workers& workers, Post post);

  // False: not a slow action, the driver's own business.
  bool start(const CoordinatorAction& action);
  void tell_sites(const CoordinatorSnapshot& snapshot);
  void wait();  // until all that was started is done

 private:
  void run(bool here, std::function<void()> job);
  void log(const LogEvent& event);
  std::vector<std::string> told_;  // of the sites, by tell_sites()

  CoordinatorWork& work_;
  Strand strand_;
  Post post_;
  std::string failure_;  // of the aggregate that is open: told when it is to be finished
};

}  // namespace collegium
