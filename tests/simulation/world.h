#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "federation/coordinator.h"
#include "federation/site.h"
#include "simulation/faults.h"
#include "simulation/secure.h"
#include "support/temporary_folder.h"

namespace collegium::simulated {

// What a history must keep whatever happens. Each breach is a sentence.
class Witness {
 public:
  void breach(const std::string& what) { breaches_.push_back(what); }
  const std::vector<std::string>& breaches() const { return breaches_; }

  std::map<std::uint64_t, RoundRecord> closed;         // as committed
  std::map<std::uint64_t, std::vector<float>> models;  // by round; 0: the initial model
  std::map<std::pair<std::string, std::uint64_t>, std::set<Digest>>
      outputs;                                  // released, by (site, round)
  std::map<Digest, std::vector<float>> values;  // of every update ever trained
  std::map<Digest, std::vector<float>> noise;  // in every model ever aggregated under central noise
  std::map<std::uint64_t, std::set<Digest>> shown;  // models that left the coordinator, by round
  std::map<std::pair<std::string, Digest>, double> weights;  // of every honest update
  std::map<std::string, std::set<std::pair<std::uint64_t, std::uint64_t>>>
      charged;  // by site: (round, attempt) that was ever durable
  std::map<std::string, std::set<std::pair<std::uint64_t, std::uint64_t>>>
      asked;  // ... that a site's machine ever asked for
  std::set<std::uint64_t> charged_rounds;
  std::set<std::pair<std::string, Digest>> said;               // results, by honest sites
  std::set<std::pair<std::string, Digest>> rejected_for_good;  // (site, update)
  std::optional<double> asked_to_stop;  // the coordinator's living process, and when
  std::size_t closed_when_asked = 0;
  bool disk_was_full = false;  // for a round of the coordinator
  SecureWitness secure;

 private:
  std::vector<std::string> breaches_;
};

struct Report {
  Plan plan;
  std::vector<std::string> breaches;
  std::optional<Outcome> outcome;
  std::string reason;
  std::uint64_t closed = 0;
  std::vector<float> model;
  std::vector<std::vector<std::string>> cohorts;  // accepted, by round
  double ended = 0;                               // virtual seconds
  std::size_t events = 0;
  std::map<secagg::Step, std::size_t> lost_in;  // sites that were lost, by step of a sum
  std::size_t recovered = 0;                    // sums opened without one whose masks were in it
  std::string trace;                            // when asked for
};

// One coordinator and its sites under a virtual clock, on a network that drops, repeats, delays,
// reorders, corrupts, is cut and falls silent, with processes that stand still, are killed and come
// back, by another clock, with what was durable, and with peers that lie. Everything is drawn from
// the plan's seed.
class VirtualDisk;
class World {
 public:
  explicit World(Plan plan, bool trace = false);
  ~World();
  Report run();

 private:
  struct CoordinatorProcess;
  struct SiteProcess;
  struct Item {
    double at;
    std::uint64_t order;
    std::function<void()> what;
    bool operator>(const Item& other) const {
      return std::tie(at, order) > std::tie(other.at, other.order);
    }
  };

  void later(double seconds, std::function<void()> what);
  bool chance(double share);
  double seconds(double mean);  // exponential, at least a millisecond
  bool faulty() const { return now_ < plan_.faults_until; }
  void trace(const std::string& text);

  void start_coordinator();
  void kill_coordinator();
  void die(CoordinatorProcess& process);
  void tell(CoordinatorEvent event);
  void carry_out(const CoordinatorActions& actions);
  void carry_out(const CoordinatorAction& action);
  void wake_coordinator();
  std::optional<CoordinatorResume> read_files();  // empty: it cannot start now

  void start_site(std::size_t index);
  void kill_site(std::size_t index);
  void die(SiteProcess& process);
  void tell(std::size_t index, SiteEvent event);
  void carry_out(std::size_t index, const SiteAction& action);
  void wake_site(std::size_t index);

  // network.cpp
  void deliver(std::size_t index, const Message& message, std::function<void(Message)> arrive);
  void cut_line(std::size_t index);
  void partition(std::size_t index);
  bool silent(std::size_t index) const;
  void freeze_one();
  // Bytes of a message with a few of them changed, or cut short; what they still say, if anything.
  std::optional<Message> mangled(const Message& message);

  // hostile.cpp
  bool hostile(std::size_t index) const;
  void start_hostile();
  void hostile_hears(const Message& message);
  void stranger_talks();
  void lie_to(std::size_t index);
  void lie_about_sums(std::size_t index, Message message);
  void repeat_maliciously(const Message& sent);
  Message hostile_message();
  SharedBlob hostile_update();

  // secure.cpp
  void begin_secure();
  void start_secure(std::size_t index);
  void take_step(std::size_t index, const at_site::SecureStep& step);
  SiteEvent answered(std::size_t index, const at_site::SecureStep& step);
  std::vector<float> opened_mean(const at_coordinator::FinishAggregate& action);
  void give_other_shares(std::size_t index);

  // secure_witness.cpp
  void check_step(std::size_t index, const at_site::SecureStep& step,
                  const SecureSite::Answer& answer);
  void check_shares(std::size_t index, const Message& message);
  void check_unmasked(std::size_t index, const Bytes& leaves);
  std::vector<float> plain_mean(const RoundRecord& record);

  // An operation on a disk, which may be full, or whose process may not survive it. The failure in
  // words; empty: none.
  struct DiskResult {
    std::string failure;
    bool died = false;
  };
  DiskResult on_disk(VirtualDisk& disk, const std::function<void()>& operation);
  double drawn_clock();
  void to_site(const std::string& site, const Message& message);
  void to_coordinator(std::size_t index, const Message& message);
  void now_and_then(double mean, std::function<void()> what);
  void stop_coordinator();
  void stop_site(std::size_t index);
  void pull_update(const at_coordinator::Pull& pull);
  void go_on_pulling(const at_coordinator::Pull& pull, std::uint64_t life);
  void accumulate(const at_coordinator::Accumulate& action);
  void finish_aggregate(const at_coordinator::FinishAggregate& action);
  void charge(const at_coordinator::ChargeRound& action);
  void persist(const at_coordinator::PersistRound& action);
  void train(std::size_t index, const at_site::Train& action);
  void charge(std::size_t index, const at_site::Reserve& action);
  void store(std::size_t index, const at_site::Persist& action);
  bool read_files(std::size_t index);  // false: it cannot start now
  void pull_network(std::size_t index, const at_site::Pull& pull);
  bool refuses(std::size_t index) const;
  void check_prepare(std::size_t index, const at_site::Prepare& prepare);
  void check_result(std::size_t index, const Message& message);
  void check_answer(const std::string& site, const Message& message);
  void check_shown(const Message& message);
  void check_shown(std::uint64_t round, const Digest& model);
  void check_closed(const RoundRecord& record, const SharedBlob& model);
  std::vector<std::string> check_names(const RoundRecord& record);  // the accepted
  std::vector<float> expected_mean(const RoundRecord& record,
                                   const std::vector<std::string>& summed) const;
  void check_stop(const at_coordinator::Finish& end);
  void check_sender(const std::string& site, const Message& message);
  void check_charges(const SiteProcess& process);
  void check_reserve(std::size_t index, const at_site::Reserve& action);
  void check_files(const SiteProcess& process, const std::optional<StoredResult>& stored);
  void check_files(const CoordinatorResume& found);
  void check_rest(bool at_once, int& turns, const std::string& who);
  void check_end();
  std::size_t index_of(const std::string& site) const;

  Plan plan_;
  bool tracing_;
  std::string trace_;
  std::mt19937_64 random_;
  double now_ = 0;
  std::uint64_t order_ = 0;
  std::size_t events_ = 0;
  std::priority_queue<Item, std::vector<Item>, std::greater<>> queue_;
  Witness witness_;
  std::unique_ptr<CoordinatorProcess> coordinator_;
  std::vector<std::unique_ptr<SiteProcess>> sites_;
  std::optional<at_coordinator::Finish> end_;
  std::unique_ptr<TemporaryFolder> folder_;  // of histories on a disk
  Message heard_by_hostile_;                 // the last task
  std::vector<Message> overheard_;           // of sums, by any site, lately: what one repeats
};

}  // namespace collegium::simulated
