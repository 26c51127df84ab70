#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "collegium/aggregator.h"
#include "collegium/layout.h"
#include "collegium/random.h"

namespace collegium {

// What an accountant charges: `count` releases of one kind. The worst case over all neighbouring
// data sets, stated in ratios, so that no clipping bound or unit of measure appears.
struct PrivacyEvent {
  enum class Kind {
    none,              // releases nothing that depends on data
    gaussian,          // Gaussian noise on a query of bounded L2 sensitivity, everybody taking part
    sampled_gaussian,  // the same on a Poisson sample of the units, each taken with sampling_rate
    fixed_size_gaussian,  // on sampling_rate of all units, drawn without replacement; replace_one
    laplace,              // Laplace noise on a query of bounded L1 sensitivity
    discrete_gaussian,    // noise on the integers, probability ~ exp(-k^2 / (2 s^2))
    discrete_laplace,     // noise on the integers, probability ~ exp(-|k| / s)
    pure,                 // (epsilon, 0), however it is made
    approximate,          // (epsilon, delta), however it is made
    unbounded  // no guarantee; `reason` says why, and it is shown wherever epsilon would be
  };
  // Who is a neighbour: a data set with one unit (a patient, a site) more or less, or with one unit
  // exchanged for another. It decides what "sensitivity" means; events compose only if they agree.
  enum class Neighbours { add_or_remove, replace_one };

  Kind kind = Kind::none;
  double noise_multiplier = 0.0;  // standard deviation (Laplace: scale) / sensitivity
  // Of each unit in each release. 1: everybody. Poisson sampling for all kinds of noise but
  // `gaussian`, which takes everybody, and `fixed_size_gaussian`.
  double sampling_rate = 1.0;
  std::int64_t count = 1;
  double epsilon = 0.0;  // of pure and approximate, each release
  double delta = 0.0;    // of approximate, each release
  // Sampled Gaussian: Poisson batches of more than max_batch units are cut to a random max_batch of
  // them, which costs extra; n_public is then the public number of units. 0: never cut.
  std::int64_t max_batch = 0;
  std::int64_t n_public = 0;
  // Discrete kinds: how far one unit moves a single integer. 0: the release is a vector, for which
  // only what holds in every dimension is used.
  std::int64_t sensitivity = 0;
  Neighbours neighbours = Neighbours::add_or_remove;
  std::string reason = {};

  bool operator==(const PrivacyEvent&) const = default;
};

// What a mechanism may know about the round it works in.
struct RoundContext {
  std::string_view run;
  std::uint64_t round = 0;
  std::string_view site;         // empty at the coordinator
  std::int64_t local_steps = 1;  // optimizer steps behind this update; > 0
  const Layout* layout = nullptr;
};

// Changes a whole update before it leaves a site. Training under DP-SGD is not a mechanism but a
// trainer setting.
class COLLEGIUM_API PrivacyMechanism {
 public:
  virtual ~PrivacyMechanism();
  // Must not depend on data: the ledger charges it before apply() runs.
  virtual PrivacyEvent event(const RoundContext& context) const = 0;
  virtual void apply(std::span<float> values, const RoundContext& context,
                     SecureRandom& random) = 0;
  virtual std::string describe()
      const;  // one sentence for reports: what it guarantees, or that it does not
};

}  // namespace collegium
