#pragma once
#include <filesystem>
#include <optional>
#include <span>

#include "config/site_config.h"
#include "store/ledger.h"
#include "store/outbox.h"
#include "transport/trainer_work.h"

namespace collegium {

// A site's ledger and outbox in one folder: site.db and outbox/. The ledger belongs to the data
// set, not to a run: what was spent in earlier runs counts.
class LedgerVault final : public SiteVault {
 public:
  // `budget` empty: charges are recorded and none is refused.
  LedgerVault(const std::filesystem::path& folder, std::string dataset,
              std::optional<BudgetConfig> budget, std::int64_t n_public);

  // Registers the run and, at its first, the data set; called before the first charge of a run.
  void begin(const at_site::Prepare& run);

  SiteWork::Spent reserve(const TrainTask& task, std::uint64_t attempt,
                          std::span<const PrivacyEvent> cost) override;
  void persist(const StoredResult& result, bool charged) override;

  // The newest result that was paid for and may have to be sent again; empty when there is none.
  std::optional<StoredResult> stored() const;

 private:
  Ledger ledger_;
  Outbox outbox_;
  std::string dataset_;
  std::optional<BudgetConfig> budget_;
  std::int64_t n_public_;
};

}  // namespace collegium
