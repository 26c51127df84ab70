#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/signature.h"

// Secure aggregation: the coordinator learns the sum of the sites' vectors and no vector (Bonawitz
// et al. 2017, "Practical Secure Aggregation for Privacy-Preserving Machine Learning", with the
// masks of the complete graph and the consistency check against a coordinator that lies).
// docs/secure_aggregation.md has the steps, the formulas and what the coordinator still learns.
namespace collegium::secagg {

inline constexpr std::uint32_t kMaxSites = 1000;

// What a site and the coordinator say to each other in one attempt at a sum, in this order.
enum class Step : std::uint8_t {
  advertise,  // fresh keys, signed by the site
  share,      // its secrets, divided among all and sealed to each
  mask,       // its vector under masks that cancel in the sum
  sign,       // whose vectors are in the sum
  unmask,     // of each site one share: of its own mask, or of its key where its vector is missing
  done
};
std::string_view name_of(Step step);

// One who may take part; sites are numbered from 1 in the order of the roster.
struct Peer {
  std::string name;
  VerifyKey key{};
};

// What all of one attempt agree on. `id` is a hash of everything that must be the same at all of
// them (the run, the attempt, the model, the settings, the roster): keys, shares and signatures of
// another session are of no use in this one.
struct Session {
  Digest id{};
  std::uint64_t round = 0;
  std::vector<Peer> roster;
  std::uint32_t threshold = 0;  // shares that give back a secret
  std::uint32_t minimum = 0;    // sites in a sum

  std::uint32_t sites() const { return static_cast<std::uint32_t>(roster.size()); }
  const Peer& peer(std::uint32_t site) const { return roster.at(site - 1); }
  // Throws ConfigError: threshold or minimum below what is safe, or never to be reached.
  void check() const;
};

// floor(2n/3) + 1: a coordinator that shows different sites different lists cannot have both signed
// by enough of them while it is in league with fewer than a third.
std::uint32_t smallest_threshold(std::uint32_t sites);
// No sum of fewer: the threshold, and 3.
std::uint32_t smallest_minimum(std::uint32_t sites);

// How many sites may tell the coordinator all they know: with more of them it could have two lists
// of one round signed by `threshold` sites each, which have 2 x threshold - sites in common.
std::uint32_t largest_colluding(std::uint32_t sites, std::uint32_t threshold);
// As many as may be missing from a sum, and at least 1.
std::uint32_t usual_colluding(std::uint32_t sites, std::uint32_t threshold);

// Hash of the names and keys, in order: what a site pins.
Digest roster_hash(const std::vector<Peer>& roster);

}  // namespace collegium::secagg
