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
  SiteWork::Spent reserve_draw(const TrainTask& task, std::span<const PrivacyEvent> cost) override {
    ++draws_reserved;
    return reserve(task, 1, cost);
  }
  void draw(const Digest&) override { ++drawn; }
  void open_sum(const StoredResult&, const Digest&) override {}
  std::vector<PrivacyEvent> scheduled, charged;
  int draws_reserved = 0, drawn = 0;
};

}  // namespace collegium::toy
