#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "collegium/settings.h"

namespace collegium {

// The [privacy] table: training under differential privacy. Without the table nothing is promised.
struct PrivacyConfig {
  // Who is protected: neighbours differ by one "patient" (DP-SGD inside each site), or by one whole
  // "site" (its update is clipped and noised).
  std::string unit = "patient";
  // Where the noise is: at each "site", in its update, before it leaves. Of unit "site" it may also
  // be in the "sum" of secure aggregation, to which each site adds its share under the masks, or be
  // added by the "coordinator", once a round, to what the aggregator made.
  std::string where = "site";
  // Where = "sum": so many sites may be in league with the coordinator, and their share of the
  // noise counts for nothing; empty: as many as may be missing from a sum, and at least 1.
  std::optional<std::int64_t> colluding;
  double clip = 1.0;              // L2 bound of one patient's gradient, or of a site's whole update
  std::string clipping = "flat";  // how it is kept: flat, per_layer, automatic, adaptive
  std::optional<double>
      epsilon;  // for the whole run: the noise is calibrated to it. Exactly one of these two
  std::optional<double> noise_multiplier;  // standard deviation / clip
  double delta = 0.0;                      // in (0, 1); no default is right for every site
  std::optional<double>
      sampling_rate;  // of each patient in each step; empty: batch_size / n_public
  // Where = "coordinator", weighting "subjects": no site weighs more. Other weightings have one
  // weight for all.
  std::optional<double> max_weight;

  // Of unit "patient": every so many rounds the sites release the metrics of the model they are
  // handed, with noise of metrics_noise x their sensitivity; 0: metrics stay at the site.
  std::int64_t metrics_every = 0;
  double metrics_noise = 0;

  bool releases_metrics(std::uint64_t round) const {
    return metrics_every > 0 && (round - 1) % static_cast<std::uint64_t>(metrics_every) == 0;
  }
  bool protects_sites() const { return unit == "site"; }
  bool is_central() const { return protects_sites() && where == "coordinator"; }
  bool noises_sums() const { return protects_sites() && where == "sum"; }

  static std::optional<PrivacyConfig> read(const Settings& table);  // an empty table: no privacy
  Settings to_settings() const;
  bool operator==(const PrivacyConfig&) const = default;

  // Throws ConfigError when the rate would exceed 1 (fewer public patients than a batch).
  double rate(std::int64_t batch_size, std::int64_t n_public) const;
};

}  // namespace collegium
