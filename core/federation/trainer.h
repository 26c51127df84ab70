#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "collegium/layout.h"
#include "collegium/privacy.h"
#include "collegium/settings.h"

namespace collegium {

// What the coordinator asks of a site in one round. The tables are those of the federation's
// configuration, so that a site can be asked nothing that a configuration file cannot say.
struct TrainTask {
  std::string run;           // hex of the run's id
  std::uint64_t round = 0;   // first round: 1
  std::uint64_t rounds = 1;  // in the whole run: schedules and the privacy accountant need it
  std::string site;
  std::uint64_t seed = 0;  // of the run; draws are keyed by (seed, round, site, step). Never used
                           // for noise that protects.
  Settings network;
  Settings training;
  Settings privacy;    // no keys: no privacy
  Settings mechanism;  // no keys: none
};

struct Metric {
  std::string name;  // "dice_wt"
  double value = 0;
  std::int64_t count =
      0;  // subjects behind the value; an empty class is left out, never hidden in a mean
};

struct TrainResult {
  double weight = 1;       // the update's share of the mean; public under privacy
  std::int64_t steps = 0;  // optimizer steps taken
  double loss = 0;         // mean training loss; NaN when it is withheld for privacy
  std::vector<Metric> metrics;
  std::string note;  // anything a person should know: "3 non-finite gradients were left out"
};

// Progress within a round, and the question whether to stop: returns false when the caller should
// give up.
using Progress = std::function<bool(std::int64_t step, std::int64_t steps, double loss)>;

// Trains one site's network on one site's data. Implemented over LibTorch in core/torch; tests use
// small functions. A trainer serves one site at a time; calls come from one worker thread at a
// time.
class Trainer {
 public:
  virtual ~Trainer();
  virtual const Layout& layout() const = 0;

  // What training in `task.round` will cost, from public numbers alone, and so for every round of a
  // run before its first: the ledger is charged for all of them when the run begins.
  virtual PrivacyEvent cost(const TrainTask& task) const = 0;

  // delta = parameters after - before, in Layout order; both spans have layout().size() elements
  // and do not overlap. Slots that are not trainable get 0. Throws collegium::Error; returns early
  // with an Error when progress says stop.
  virtual TrainResult train(std::span<const float> model, std::span<float> delta,
                            const TrainTask& task, const Progress& progress) = 0;

  // Metrics of `model` on the site's own validation subjects; empty when it has none. Under
  // [privacy] metrics_every: only means over exactly [training] validation subjects of scores in
  // [0, 1], whose names do not depend on data; they are noised before they leave.
  virtual std::vector<Metric> evaluate(std::span<const float> model, const TrainTask& task) = 0;
};

}  // namespace collegium
