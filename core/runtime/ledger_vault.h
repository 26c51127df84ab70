#pragma once
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "config/site_config.h"
#include "store/ledger.h"
#include "store/outbox.h"
#include "store/record_log.h"
#include "transport/trainer_work.h"

namespace collegium {

// A site's ledger and outbox in one folder: site.db, with the signed log, and outbox/. The ledger
// belongs to the data set, not to a run: what was spent in earlier runs counts.
class LedgerVault final : public SiteVault {
 public:
  struct Options {
    std::string dataset;
    std::optional<BudgetConfig> budget = {};  // empty: the one the ledger has, or none
    std::int64_t n_public = 0;
    bool simulation = false;
    std::string site = {};                   // who writes the signed log
    std::optional<SigningKey> signing = {};  // empty: there is none
  };
  // Refuses a folder whose outbox holds results of charges that its ledger lacks.
  LedgerVault(const std::filesystem::path& folder, Options options);

  // Refuses a ledger that lacks what the coordinator has seen of it.
  void begin(const at_site::Prepare& run, std::span<const PrivacyEvent> schedule) override;
  SiteWork::Spent reserve(const TrainTask& task, std::uint64_t attempt,
                          std::span<const PrivacyEvent> cost) override;
  void persist(const StoredResult& result, bool charged) override;
  SiteWork::Spent reserve_draw(const TrainTask& task, std::span<const PrivacyEvent> cost) override;
  void draw(const Digest& masked) override;
  void record(const Record& record) override;
  std::optional<LedgerPosition> recorded() override;
  void open_sum(const StoredResult& result, const Digest& sum) override;

  // The newest result that was paid for and may have to be sent again; empty when there is none.
  std::optional<StoredResult> stored() const;

 private:
  void check_outbox() const;
  SiteWork::Spent spent(const std::string& run);

  std::filesystem::path sums_;  // a file a run: the latest round whose sum was opened, and which
  Ledger ledger_;
  Outbox outbox_;
  Options options_;
  std::optional<ChargeKey> drawing_;  // reserved for a draw that has not left
  std::optional<RecordLog> log_;      // in the ledger's database
};

}  // namespace collegium
