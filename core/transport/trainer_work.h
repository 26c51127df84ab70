#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "collegium/privacy.h"
#include "federation/trainer.h"
#include "privacy/site_plan.h"
#include "transport/float_bytes.h"
#include "transport/secure_site.h"
#include "transport/site_work.h"

namespace collegium {

// Where a site keeps what it owes and what it has paid: the ledger and the outbox behind one door.
class SiteVault {
 public:
  virtual ~SiteVault() = default;
  // Charges all that the run will release, once a run; throws BudgetExhausted. An empty schedule:
  // the run promises nothing and costs nothing.
  virtual void begin(const at_site::Prepare& run, std::span<const PrivacyEvent> schedule) = 0;
  // Durable when it returns; throws BudgetExhausted. The same (run, round, attempt) again is the
  // same charge.
  virtual SiteWork::Spent reserve(const TrainTask& task, std::uint64_t attempt,
                                  std::span<const PrivacyEvent> cost) = 0;
  virtual void persist(const StoredResult& result, bool charged) = 0;
  // The same for one draw of the noise of a sum: a charge of the round that nothing left under yet.
  virtual SiteWork::Spent reserve_draw(const TrainTask& task,
                                       std::span<const PrivacyEvent> cost) = 0;
  // Durable when it returns: that charge is released, by masked bytes with this hash.
  virtual void draw(const Digest& masked) = 0;
  // As in SiteWork.
  virtual void record(const Record&) {}
  virtual std::optional<LedgerPosition> recorded() { return {}; }
  // Makes durable that in the result's round this sum is opened, of all there may be; throws when
  // another one was. `sum`: a hash of whose updates are in it, and of this site's.
  virtual void open_sum(const StoredResult& result, const Digest& sum) = 0;
};

// Throws ProtocolError where the sum to be opened is not the one that was.
void refuse_second_sum(const Digest& opened, const Digest& sum, std::uint64_t round);

// A site's work over a Trainer. A run: its whole cost -> the ledger. A round: cost -> reserve ->
// train
// -> clip, noise or mechanism -> the update as a blob.
class TrainerWork final : public SiteWork {
 public:
  struct Options {
    std::string site;
    // Builds the trainer from the coordinator's tables; may hand out one that is there already.
    std::function<std::shared_ptr<Trainer>(const at_site::Prepare&)> prepare = {};
    // The files of captured networks that were kept, and where to keep one; null: nowhere.
    std::function<std::optional<Bytes>(const BlobId&)> find_network = {};
    std::function<void(const BlobId&, const Bytes&)> keep_network = {};
    // Makes the mechanism that the run asks for; null: none is known here.
    std::function<std::unique_ptr<PrivacyMechanism>(const Settings& mechanism)> mechanism = {};
    std::optional<SecureIdentity> secure = {};  // none: no part in secure aggregation
    SecureRandom* random = nullptr;  // required for that, and where a whole update is noised
    std::int64_t n_public = 0;       // number of patients that may be known; 0: none is
    SiteVault* vault = nullptr;      // none: nothing is charged and nothing outlives the process
    std::function<void(const Bytes& model)> keep_final_model = {};
    std::function<void(const LogEvent&)> on_log = {};
    // Steps done of a training under way; for people at this site, also under privacy.
    std::function<void(const TrainTask&, std::int64_t step, std::int64_t steps)> on_progress = {};
  };
  explicit TrainerWork(Options options);
  // A trainer that is there already, for one run, which begins here.
  TrainerWork(Options options, std::shared_ptr<Trainer> trainer, const at_site::Prepare& run);

  bool durable() const override { return options_.vault != nullptr; }
  std::optional<Bytes> find_network(const BlobId& file) override;
  std::string prepare(const at_site::Prepare& run) override;
  Spent reserve(const TrainTask& task, std::uint64_t attempt) override;
  Output train(const at_site::Train& order, const Progress& progress) override;
  std::vector<Metric> evaluate(const TrainTask& task, const Bytes& model) override;
  void persist(const StoredResult& result, bool charged) override;
  void record(const Record& record) override;
  std::optional<LedgerPosition> recorded() override;
  SecureAnswer secure_step(const at_site::SecureStep& order) override;
  void keep_final_model(const Bytes& model) override;
  void log(const LogEvent& event) override;

 private:
  // What becomes of a whole update before it leaves; neither: nothing.
  struct Protection {
    std::string asked;  // the tables that it follows from
    std::optional<SitePlan> site;
    std::unique_ptr<PrivacyMechanism> mechanism;
  };

  Trainer& trainer();
  void begin(const at_site::Prepare& run);
  void open_sum(const StoredResult& result, const Digest& sum);
  // Throws ConfigError at a site without one: it could not take part in any round.
  void require_secure_identity() const;
  std::vector<PrivacyEvent> cost_of(const TrainTask& task);
  RoundContext context_of(const TrainTask& task) const;
  // Of this very task: a task need not ask for what the first one asked for.
  const Protection& protection(const TrainTask& task);
  std::vector<Metric> metrics_of(const Floats& model, const TrainTask& task);
  // Of a task whose sum is noised; empty otherwise.
  std::optional<SumNoise> noise_of_sum(const TrainTask& task);
  TrainResult train_site(const SitePlan& plan, const Floats& model, std::span<float> delta,
                         const TrainTask& task, const Progress& progress);

  Options options_;
  std::shared_ptr<Trainer> trainer_;
  Protection protection_;
  std::unique_ptr<SecureSite> secure_;
  std::map<std::uint64_t, Digest> opened_;  // by round; where there is no vault
};

}  // namespace collegium
