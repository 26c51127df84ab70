#include "torch/training/sampling.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "torch/data/draw_key.h"

namespace collegium {

std::vector<std::vector<std::size_t>> shuffled_batches(const TrainingConfig& training,
                                                       std::size_t samples, std::uint64_t seed,
                                                       std::uint64_t round,
                                                       const std::string& site) {
  std::vector<std::vector<std::size_t>> batches;
  if (samples == 0) return batches;
  const auto size = std::min(static_cast<std::size_t>(training.batch_size), samples);
  const bool by_epoch = training.local_epochs > 0;
  const auto site_key = draw_key("order", site);
  std::vector<std::size_t> order(samples);
  for (std::uint64_t epoch = 0;; ++epoch) {
    if (by_epoch && epoch == static_cast<std::uint64_t>(training.local_epochs)) return batches;
    std::iota(order.begin(), order.end(), std::size_t{0});
    Draws draws(seed, round, site_key, epoch);
    for (std::size_t i = samples; i > 1; --i) std::swap(order[i - 1], order[draws.below(i)]);
    bool fresh = true;  // the first sample of an epoch opens a new batch
    for (const auto sample : order) {
      if (batches.empty() || batches.back().size() == size || (by_epoch && fresh)) {
        if (!by_epoch && batches.size() == static_cast<std::size_t>(training.local_steps))
          return batches;
        batches.emplace_back();
      }
      batches.back().push_back(sample);
      fresh = false;
    }
  }
}

}  // namespace collegium
