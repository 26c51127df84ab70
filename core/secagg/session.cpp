#include "secagg/session.h"

#include <algorithm>
#include <string>

#include "collegium/error.h"

namespace collegium::secagg {

std::string_view name_of(Step step) {
  switch (step) {
    case Step::advertise:
      return "advertise";
    case Step::share:
      return "share";
    case Step::mask:
      return "mask";
    case Step::sign:
      return "sign";
    case Step::unmask:
      return "unmask";
    case Step::done:
      return "done";
  }
  return "";
}

std::uint32_t smallest_threshold(std::uint32_t sites) { return 2 * sites / 3 + 1; }

std::uint32_t smallest_minimum(std::uint32_t sites) {
  return std::max(smallest_threshold(sites), 3u);
}

std::uint32_t largest_colluding(std::uint32_t sites, std::uint32_t threshold) {
  return 2 * threshold > sites ? 2 * threshold - sites - 1 : 0;
}

std::uint32_t usual_colluding(std::uint32_t sites, std::uint32_t threshold) {
  return std::max(sites - std::min(threshold, sites), 1u);
}

void Session::check() const {
  const auto refuse = [](std::string what, std::string expected, std::uint32_t found,
                         std::string remedy) {
    throw ConfigError(Problem{.what = std::move(what),
                              .where = "secure aggregation",
                              .expected = std::move(expected),
                              .found = std::to_string(found),
                              .remedy = std::move(remedy)});
  };
  if (sites() < 3 || sites() > kMaxSites)
    refuse("the number of sites does not suit secure aggregation",
           "3 to " + std::to_string(kMaxSites), sites(),
           "the sum of two sites tells each the other's update");
  const std::string range = std::to_string(smallest_threshold(sites())) + " to " +
                            std::to_string(sites()) + " of " + std::to_string(sites()) + " sites";
  if (threshold < smallest_threshold(sites()) || threshold > sites())
    refuse("the threshold is not safe", range, threshold,
           "leave it out: two thirds of the sites, and one more");
  const std::uint32_t least = std::max(threshold, smallest_minimum(sites()));
  if (minimum < least || minimum > sites())
    refuse("a round would close with too few sites",
           "min_sites of " + std::to_string(least) + " to " + std::to_string(sites()), minimum,
           "raise [federation] min_sites");
}

Digest roster_hash(const std::vector<Peer>& roster) {
  Hasher hasher;
  hasher.add("collegium/secure-aggregation/v1/roster");
  hasher.add(std::uint64_t{roster.size()});
  for (const Peer& peer : roster) {
    hasher.add(peer.name);
    hasher.add(std::span<const std::uint8_t>(peer.key));
  }
  return hasher.finish();
}

}  // namespace collegium::secagg
