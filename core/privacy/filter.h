#pragma once
#include <optional>
#include <span>

#include "collegium/privacy.h"

namespace collegium {

// A privacy filter: Renyi divergences at one order, added up over everything that is released,
// whatever the next release is chosen from.
//
// Why it is sound (Feldman and Zrnic 2021, Thm. 3.1): let P and Q be the outputs on two
// neighbouring data sets, L their likelihood ratio so far and R the divergences so far at the order
// a. Then L^a exp(-(a - 1) R) is a supermartingale under Q, however adaptively the next release is
// chosen, so whoever stops before R exceeds B has E_Q[L^a] <= exp((a - 1) B): the whole is (a, B)
// Renyi private, and B converts to epsilon. The order must be fixed before the first release. The
// least epsilon over many orders, chosen at the end, is not covered by this argument: which order
// is the least may depend on what was seen.
//
// What approximate events leave out is taken from delta first.
double filter_epsilon(std::span<const PrivacyEvent> events, double order, double delta);

// The order at which the most repetitions of `events` fit into the budget; without a budget, the
// one with the least epsilon for `events` themselves.
double filter_order(std::span<const PrivacyEvent> events, double delta,
                    std::optional<double> budget);

}  // namespace collegium
