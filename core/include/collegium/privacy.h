#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "collegium/aggregator.h"
#include "collegium/layout.h"
#include "collegium/random.h"

namespace collegium {

// What an accountant charges for one release. Neighbours differ by adding or removing one unit (a
// patient or a site).
struct PrivacyEvent {
  enum class Kind {
    none,      // releases nothing that depends on data
    gaussian,  // `count` Gaussian releases, noise_multiplier = standard deviation / sensitivity
    sampled_gaussian,  // the same on a Poisson sample of the units, each taken with sampling_rate
    pure,              // `count` releases, each (epsilon, 0)
    unbounded          // no guarantee; `reason` says why, and it is shown wherever epsilon would be
  };
  Kind kind = Kind::none;
  double noise_multiplier = 0.0;
  double sampling_rate = 1.0;
  std::int64_t count = 1;
  double epsilon = 0.0;
  std::string reason = {};
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
