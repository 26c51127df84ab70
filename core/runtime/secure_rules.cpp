#include "runtime/secure_rules.h"

#include <random>
#include <string>

#include "base/hash.h"
#include "collegium/error.h"
#include "plugin/registry.h"
#include "privacy/noisy_sum.h"
#include "privacy/site_plan.h"
#include "runtime/privacy_rules.h"

namespace collegium {
namespace {

// A name and no secret: attempts of two processes must not be taken for one.
std::string new_life() {
  std::random_device device;
  Hasher hasher;
  for (int i = 0; i < 8; ++i) hasher.add(std::uint64_t{device()});
  return to_hex(hasher.finish());
}

// The grid of the sum follows from the noise, which hides all that is finer.
void make_room_for_noise(SecureTerms& terms, const FederationConfig& config) {
  const PrivacyConfig& privacy = *config.privacy;
  const auto& stated = config.secure_aggregation->scale_bits;
  const double multiplier =
      SitePlan::of(config.training, privacy, 1, static_cast<std::uint64_t>(config.rounds))
          .noise_multiplier;
  terms.scale_bits =
      stated ? static_cast<int>(*stated) : NoisySum::usual_scale_bits(privacy.clip, multiplier);
  const auto noise =
      NoisySum::of(privacy.clip, multiplier, terms.scale_bits, terms.honest(privacy.colluding));
  terms.margin = noise.margin(static_cast<std::uint32_t>(terms.sites.size()));
}

}  // namespace

SecureTerms secure_terms(const FederationConfig& config) {
  const SecureAggregationConfig& secure = *config.secure_aggregation;
  const auto sites = static_cast<std::uint32_t>(config.sites.size());
  SecureTerms terms{.sites = config.sites,
                    .threshold = secure.threshold ? static_cast<std::uint32_t>(*secure.threshold)
                                                  : secagg::smallest_threshold(sites),
                    .minimum = static_cast<std::uint32_t>(
                        config.min_sites > 0 ? config.min_sites : std::int64_t{sites}),
                    .clip = secure.largest_value(config.privacy),
                    .max_weight = secure.largest_weight(config.training),
                    .scale_bits = 0,
                    .margin = 0,
                    .life = new_life()};
  secagg::Session session{.id = {},
                          .round = 0,
                          .roster = std::vector<secagg::Peer>(sites),
                          .threshold = terms.threshold,
                          .minimum = terms.minimum};
  session.check();
  if (config.privacy && config.privacy->noises_sums())
    make_room_for_noise(terms, config);
  else if (secure.scale_bits)
    terms.scale_bits = static_cast<int>(*secure.scale_bits);
  else
    terms.scale_bits = secagg::IntegerCode::of(sites, terms.clip, terms.max_weight).scale_bits;
  terms.code();
  return terms;
}

void check_secure_aggregation(const FederationConfig& config) {
  if (!config.secure_aggregation) return;
  const auto refuse = [](std::string what, std::string where, std::string remedy) {
    throw ConfigError(
        {.what = std::move(what), .where = std::move(where), .remedy = std::move(remedy)});
  };
  const auto aggregator =
      registry().make_aggregator(config.aggregator.name, aggregator_settings(config));
  if (!aggregator->traits().linear)
    refuse(
        "under secure aggregation nobody sees single updates, and '" + config.aggregator.name +
            "' looks at them",
        "[aggregator] name",
        "take one whose result is a weighted sum, like \"weighted_mean\"; robust aggregation and "
        "secure aggregation exclude each other");
  if (config.server.norm_bound)
    refuse("under secure aggregation nobody can look at the norm of an update",
           "[server] norm_bound", "leave it out; [secure_aggregation] clip bounds every value");
  if (config.privacy && config.privacy->is_central())
    refuse(
        "noise of the coordinator protects from everybody but the coordinator, which secure "
        "aggregation is about",
        "[privacy] where", "take where = \"sum\": the sites add the noise together");
  if (!config.sites.empty()) secure_terms(config);
}

}  // namespace collegium
