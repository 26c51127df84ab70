#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "config/training_config.h"

namespace collegium {

// Which samples the steps of one round see: shuffled epochs, one after the other. With local_epochs
// the last batch of an epoch may be smaller; with local_steps batches run on into the next epoch.
// The order depends on (seed, round, site).
std::vector<std::vector<std::size_t>> shuffled_batches(const TrainingConfig& training,
                                                       std::size_t samples, std::uint64_t seed,
                                                       std::uint64_t round,
                                                       const std::string& site);

}  // namespace collegium
