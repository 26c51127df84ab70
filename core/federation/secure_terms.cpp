#include "federation/secure_terms.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "collegium/error.h"

namespace collegium {

Settings SecureTerms::write() const {
  Settings table;
  table.set("sites", sites);
  table.set("threshold", static_cast<std::int64_t>(threshold));
  table.set("min_sites", static_cast<std::int64_t>(minimum));
  table.set("clip", clip);
  table.set("max_weight", max_weight);
  table.set("scale_bits", scale_bits);
  table.set("margin", margin);
  table.set("life", life);
  return table;
}

SecureTerms SecureTerms::read(const Settings& table) {
  constexpr double kMost = std::numeric_limits<double>::max();
  const auto count = [&](const char* key) {
    return static_cast<std::uint32_t>(table.integer_in(key, 0, 0, secagg::kMaxSites));
  };
  return {.sites = table.texts("sites"),
          .threshold = count("threshold"),
          .minimum = count("min_sites"),
          .clip = table.number_in("clip", 0, 0, kMost),
          .max_weight = table.number_in("max_weight", 0, 0, kMost),
          .scale_bits = static_cast<int>(table.integer_in("scale_bits", 0, -64, 52)),
          .margin = table.number_in("margin", 0, 0, kMost),
          .life = table.text("life")};
}

secagg::IntegerCode SecureTerms::code() const {
  return secagg::IntegerCode::with_scale(static_cast<std::uint32_t>(sites.size()), clip, max_weight,
                                         scale_bits, margin);
}

std::uint32_t SecureTerms::number_of(std::string_view site) const {
  const auto found = std::ranges::find(sites, site);
  return found == sites.end() ? 0 : static_cast<std::uint32_t>(found - sites.begin()) + 1;
}

std::uint32_t SecureTerms::honest(std::optional<std::int64_t> colluding) const {
  const auto all = static_cast<std::uint32_t>(sites.size());
  const std::uint32_t most =
      std::min(secagg::largest_colluding(all, threshold), minimum > 0 ? minimum - 1 : 0);
  const std::int64_t many = colluding.value_or(secagg::usual_colluding(all, threshold));
  if (many < 0 || many > most)
    throw ConfigError({.what = "no noise of the others hides a site from so many that collude",
                       .where = "[privacy] colluding",
                       .expected = "at most " + std::to_string(most) + " of " +
                                   std::to_string(all) + " sites, with a threshold of " +
                                   std::to_string(threshold) +
                                   " and min_sites = " + std::to_string(minimum),
                       .found = std::to_string(many),
                       .remedy = "lower colluding, or raise [federation] min_sites"});
  return minimum - static_cast<std::uint32_t>(many);
}

secagg::Session secure_session(const SecureAttempt& attempt, const Instructions& instructions,
                               std::vector<secagg::Peer> roster) {
  const SecureTerms terms = SecureTerms::read(instructions.secure_aggregation);
  Hasher hasher;
  hasher.add("collegium/secure-aggregation/v1/session");
  hasher.add(std::span<const std::uint8_t>(attempt.run));
  hasher.add(attempt.round);
  hasher.add(attempt.attempt);
  hasher.add(std::span<const std::uint8_t>(attempt.model));
  for (const Settings* table :
       {&instructions.network, &instructions.training, &instructions.privacy,
        &instructions.mechanism, &instructions.secure_aggregation})
    hasher.add(table->to_toml());
  hasher.add(std::span<const std::uint8_t>(secagg::roster_hash(roster)));
  return {.id = hasher.finish(),
          .round = attempt.round,
          .roster = std::move(roster),
          .threshold = terms.threshold,
          .minimum = terms.minimum};
}

}  // namespace collegium
