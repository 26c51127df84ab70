#pragma once
#include <cstdint>
#include <vector>

#include "collegium/privacy.h"
#include "config/privacy_config.h"
#include "config/training_config.h"
#include "privacy/patient_clipping.h"

namespace collegium {

// What DP-SGD does in one round, from public numbers alone: the ledger charges it before anything
// is trained, and nothing about it says how many patients there are.
//
// The declared n_public need not be the true count n. Each patient is drawn with `rate` whatever n
// is, and `steps`, `divisor` and the weight of the update are constants, so what is charged is
// right for n_public below n as for n_public above it; only usefulness suffers. With n_public too
// large the noise weighs more than it had to, with n_public too small batches are larger than asked
// for.
struct PrivatePlan {
  ClippingMode clipping = ClippingMode::flat;
  double clip = 1;              // L2 bound of one patient's gradient
  double noise_multiplier = 0;  // standard deviation / clip; see PatientClipping::noise()
  double rate = 0;              // with which each patient is drawn in a step
  double divisor = 1;           // of the noisy sum: the expected number of patients in it
  std::int64_t steps = 0;       // of the round
  double metrics_noise = 0;     // standard deviation / sensitivity of metrics; 0: none are released
  std::int64_t subjects = 0;    // public number of patients that are trained on

  // Noise is calibrated to `epsilon` over `rounds` rounds. ConfigError: n_public does not leave
  // anybody to train on, or has fewer patients than a batch; delta is not under 1 / n_public;
  // batches of more than 2^11 patients, for which PrivateSum's rounding is not proved.
  static PrivatePlan of(const TrainingConfig& training, const PrivacyConfig& privacy,
                        std::int64_t n_public, std::uint64_t rounds);
  // The same for every kind of clipping: each bounds a patient by `clip`, and an adaptive bound
  // pays for its count out of this very noise (AdaptiveBound).
  PrivacyEvent event() const;
  PrivacyEvent metrics_event() const;  // of a round that releases metrics, beside the training
  std::vector<PrivacyEvent> events(const PrivacyConfig& privacy,
                                   std::uint64_t rounds) const;  // of the whole run
};

}  // namespace collegium
