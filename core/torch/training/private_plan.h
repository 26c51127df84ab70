#pragma once
#include <cstdint>

#include "collegium/privacy.h"
#include "config/privacy_config.h"
#include "config/training_config.h"

namespace collegium {

// What DP-SGD does in one round, from public numbers alone (never the true count of patients): the
// ledger charges it before anything is trained, and nothing about it says how many patients there
// are.
struct PrivatePlan {
  double clip = 1;              // L2 bound of one patient's gradient
  double noise_multiplier = 0;  // standard deviation / clip
  double rate = 0;              // with which each patient is drawn in a step
  double divisor = 1;           // of the noisy sum: the expected number of patients in it
  std::int64_t steps = 0;       // of the round
  std::int64_t subjects = 0;    // public number of patients that are trained on

  // Noise is calibrated to `epsilon` over `rounds` rounds. ConfigError: n_public does not leave
  // anybody to train on.
  static PrivatePlan of(const TrainingConfig& training, const PrivacyConfig& privacy,
                        std::int64_t n_public, std::uint64_t rounds);
  PrivacyEvent event() const;
};

}  // namespace collegium
