#include "torch/training/private_training.h"

#include <limits>

#include "base/names.h"
#include "torch/data/draw_key.h"
#include "torch/training/patient_feed.h"
#include "torch/training/private_gradient.h"

namespace collegium {

TrainResult train_privately(const LocalRound& round, const PrivatePlan& plan,
                            const NoiseSource& source, SampleLayouts& layouts, PrivateSum& sum,
                            const LogSink& log) {
  round.network.check_keeps_nothing();
  const auto stream_id =
      draw_key("private", round.task.run + "/" + round.task.site, round.task.round);
  const auto coins = source.stream(NoisePurpose::subject_sampling, stream_id);
  const auto noise = source.stream(NoisePurpose::gradient_noise, stream_id);
  const bool unknown = layouts.probes() == 0;
  const auto width = portion_width(round.data, plan.divisor);
  PrivateGradient gradient(round, width, layouts);
  PatientFeed feed(round, width, plan.steps, plan.rate, *coins);
  constexpr auto kWithheld = std::numeric_limits<double>::quiet_NaN();
  for (std::int64_t at = 1; at <= plan.steps; ++at) {
    for (bool closed = false; !closed;) {
      const auto portion = feed.next();
      gradient.add(portion, sum);
      closed = portion.closes_step;
    }
    round.step(sum.release(plan.noise_multiplier, plan.divisor, *noise), at, plan.steps);
    round.report(at, plan.steps, kWithheld);
  }
  if (unknown && log && !gradient.notes().empty())
    log(Level::info, round.task.site +
                         ": these parts of the network take a pass for every patient: " +
                         join(gradient.notes()));
  TrainResult result;
  result.steps = plan.steps;
  result.loss = kWithheld;
  if (round.training.weighting == "iterations") result.weight = static_cast<double>(plan.steps);
  if (round.training.weighting == "subjects") result.weight = static_cast<double>(plan.subjects);
  return result;
}

}  // namespace collegium
