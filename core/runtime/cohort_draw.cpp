#include "runtime/cohort_draw.h"

#include <algorithm>
#include <memory>
#include <random>

#include "privacy/noise.h"

namespace collegium {
namespace {

// `coin` gives numbers in [0, 1).
template <class Coin>
std::vector<bool> draw(const FederationConfig& config, Coin&& coin) {
  std::vector<bool> drawn(config.sites.size());
  std::int64_t count = 0;
  while (count < config.min_sites) {
    count = 0;
    for (std::size_t i = 0; i < drawn.size(); ++i) {
      drawn[i] = coin() < config.cohort_rate;
      count += drawn[i] ? 1 : 0;
    }
  }
  return drawn;
}

double uniform(std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

}  // namespace

CohortDraw cohort_draw(const FederationConfig& config) {
  if (config.cohort_rate >= 1.0) return {};
  if (config.privacy || !config.mechanism.name.empty()) {
    const std::shared_ptr<SecureRandom> secret =
        NoiseSource::system().stream(NoisePurpose::cohort_sampling, 0);
    return [config, secret](std::uint64_t, std::uint64_t) {
      return draw(config, [&] { return uniform(secret->bits64()); });
    };
  }
  return [config](std::uint64_t round, std::uint64_t attempt) {
    std::seed_seq keys{config.seed, config.seed >> 32, round, round >> 32, attempt};
    std::mt19937_64 random(keys);
    return draw(config, [&] { return uniform(random()); });
  };
}

}  // namespace collegium
