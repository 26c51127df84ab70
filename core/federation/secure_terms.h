#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collegium/settings.h"
#include "federation/bodies.h"
#include "secagg/integer_code.h"
#include "secagg/session.h"

namespace collegium {

// The [secure_aggregation] table of a task: what all sites of a run must see alike. It names the
// sites; their keys are never taken from the coordinator, each site has pinned them.
struct SecureTerms {
  std::vector<std::string> sites;  // numbered from 1 in this order
  std::uint32_t threshold = 0;
  std::uint32_t minimum = 0;  // min_sites
  double clip = 1;
  double max_weight = 1;
  int scale_bits = 0;
  double margin = 0;  // room in each integer for noise of the sum
  std::string life;   // of the coordinator's process, drawn at random: its attempts are new ones

  Settings write() const;
  static SecureTerms read(const Settings& table);  // throws ConfigError

  // Computed, never taken from the table: no sum may overflow.
  secagg::IntegerCode code() const;
  std::uint32_t number_of(std::string_view site) const;  // 0: not one of them

  // Sites in every sum that tell the coordinator nothing, where `colluding` do; empty: the usual
  // number. Throws ConfigError where that many could break the protocol, or all that are needed.
  std::uint32_t honest(std::optional<std::int64_t> colluding) const;
};

// One attempt of a run at a round's sum.
struct SecureAttempt {
  RunId run{};
  std::uint64_t round = 0, attempt = 0;
  Digest model{};  // that all were given: else sums could be told apart by the model (Pasquini et
                   // al. 2022, "Eluding Secure Aggregation in Federated Learning via Model
                   // Inconsistency")
};

// The session of an attempt: bound to the attempt, to every table that sites were given and to the
// roster. Whoever was given something else has another session, whose keys and signatures fit
// nobody's. The roster is in the order of the terms.
secagg::Session secure_session(const SecureAttempt& attempt, const Instructions& instructions,
                               std::vector<secagg::Peer> roster);

}  // namespace collegium
