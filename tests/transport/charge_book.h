#pragma once
#include <vector>

#include "transport/trainer_work.h"

namespace collegium::toy {

// A vault that remembers what was charged: for the whole run when it began, and for the last round.
class ChargeBook final : public SiteVault {
 public:
  void begin(const at_site::Prepare&, std::span<const PrivacyEvent> schedule) override {
    scheduled.assign(schedule.begin(), schedule.end());
  }
  SiteWork::Spent reserve(const TrainTask&, std::uint64_t,
                          std::span<const PrivacyEvent> cost) override {
    charged.assign(cost.begin(), cost.end());
    return {};
  }
  void persist(const StoredResult&, bool) override {}
  void open_sum(const StoredResult&, const Digest&) override {}
  std::vector<PrivacyEvent> scheduled, charged;
};

}  // namespace collegium::toy
