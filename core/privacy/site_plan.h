#pragma once
#include <cstdint>

#include "collegium/privacy.h"
#include "config/privacy_config.h"
#include "config/training_config.h"

namespace collegium {

// What privacy of whole sites does in one round, from public numbers alone (McMahan et al. 2018,
// with the site in the place of the user): a site's update is clipped to `clip`; noise of standard
// deviation noise_multiplier x sensitivity is added: by the site to its own update, whose
// sensitivity is `clip`; by the sites together to their sum, of the same sensitivity; or once by
// the coordinator to the aggregate, whose sensitivity the aggregator states. Neighbours differ by
// one site that takes part or sends zeros.
struct SitePlan {
  enum class Noise : std::uint8_t { site, sum, coordinator };

  double clip = 1;
  double noise_multiplier = 0;  // standard deviation / sensitivity
  std::int64_t steps = 1;       // of local training; the same at every site
  double weight = 1;            // of the site's update; never from a true count
  Noise noise = Noise::site;    // where it is added; at the coordinator the site only clips

  // Noise is calibrated to `epsilon` over `rounds` rounds, without amplification: who takes part in
  // a round is no secret. `n_public` is read where sites weigh by their subjects. ConfigError: a
  // number of steps or a weight that would follow from a true count, or exceeds max_weight.
  static SitePlan of(const TrainingConfig& training, const PrivacyConfig& privacy,
                     std::int64_t n_public, std::uint64_t rounds);
  PrivacyEvent event() const;  // of one round
  bool site_draws() const { return noise != Noise::coordinator; }
};

// The weight that no site exceeds, known before anybody joins. ConfigError when there is none.
double largest_weight(const TrainingConfig& training, const PrivacyConfig& privacy);

}  // namespace collegium
