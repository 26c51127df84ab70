#include "privacy/poisson_sample.h"

#include <string>

#include "collegium/error.h"

namespace collegium {

std::vector<std::size_t> poisson_sample(std::size_t subjects, double rate, SecureRandom& random) {
  if (!(rate >= 0.0 && rate <= 1.0))
    throw ConfigError({.what = "a sampling rate must lie in [0, 1]",
                       .where = "[privacy] sampling_rate",
                       .found = std::to_string(rate)});
  std::vector<std::size_t> taken;
  for (std::size_t subject = 0; subject < subjects; ++subject)
    if (random.uniform() <= rate) taken.push_back(subject);
  return taken;
}

}  // namespace collegium
