#pragma once
#include <optional>
#include <span>
#include <string_view>

#include "collegium/api.h"

namespace collegium {

// One site's contribution to one round.
struct Update {
  std::span<const float>
      values;  // delta = after - before, in Layout order; all finite, checked by the coordinator
  double weight = 1.0;  // > 0 and finite, checked by the coordinator
  std::string_view site;
};

// Combines the updates of one round into one change of the model. A new instance serves every
// round. Calls come from one thread: accumulate() once a site, in cohort order when the run is
// deterministic, then finish().
class COLLEGIUM_API Aggregator {
 public:
  struct Traits {
    // Every value of the result = sum of fixed multiples of the updates' values there / sum of
    // weights (needed by secure sums). A large model is then handed over in parts, each to an
    // instance of its own.
    bool linear = false;
    bool retains_updates = false;  // spans given to accumulate() must live until finish()
  };

  virtual ~Aggregator();
  virtual Traits traits() const = 0;

  // The largest L2 change of the result when one site, whose update has norm at most `clip`, is
  // added or removed; empty: unbounded, so no central privacy may be claimed.
  virtual std::optional<double> sensitivity(double clip, std::span<const double> weights) const;

  virtual void accumulate(const Update& update) = 0;
  virtual void merge(
      Aggregator& other) = 0;  // takes over what `other` accumulated; same dynamic type
  virtual void finish(
      std::span<float> delta) = 0;  // at least one update was accumulated; overwrites delta
};

}  // namespace collegium
