#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "federation/bodies.h"

namespace collegium {

// What the two ends of a contribution sign: a text of one fact a line, so that anybody can read
// what was signed. The first line says which statement it is.

// By the site, with its result: I trained this model in this round, this is the update I made of
// it, and what it cost. `body.recorded` is where its log stood.
std::string contribution_statement(const RunId& run, std::string_view site, std::uint64_t round,
                                   const ResultBody& body);

// By the coordinator, with its `accepted`: the update with this hash counts in this round.
// `recorded`: where its log stood when the round began.
std::string acceptance_statement(const RunId& run, std::string_view site, std::uint64_t round,
                                 const Digest& update,
                                 const std::optional<LedgerPosition>& recorded);

}  // namespace collegium
