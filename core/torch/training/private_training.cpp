#include "torch/training/private_training.h"

#include <limits>
#include <optional>

#include "imaging/prefetcher.h"
#include "privacy/poisson_sample.h"
#include "torch/data/draw_key.h"
#include "torch/training/private_gradient.h"

namespace collegium {
namespace {

std::vector<std::vector<std::size_t>> samples_of_subjects(const Dataset& data) {
  std::vector<std::vector<std::size_t>> samples(data.subjects());
  for (std::size_t i = 0; i < data.size(); ++i) samples[data.subject(i)].push_back(i);
  return samples;
}

}  // namespace

TrainResult train_privately(const LocalRound& round, const PrivatePlan& plan,
                            const NoiseSource& source, PrivateSum& sum) {
  const auto stream_id =
      draw_key("private", round.task.run + "/" + round.task.site, round.task.round);
  const auto coins = source.stream(NoisePurpose::subject_sampling, stream_id);
  const auto noise = source.stream(NoisePurpose::gradient_noise, stream_id);
  const auto mode = round.network.per_sample() ? PerSample::batched : PerSample::loop;
  PrivateGradient gradient(round.network, round.loss, round.layout, round.model, mode,
                           round.training.channels_last);
  const auto samples = samples_of_subjects(round.data);
  std::int64_t made = 0;
  Prefetcher<std::vector<Patient>> ahead(
      [&]() -> std::optional<std::vector<Patient>> {
        if (made == plan.steps) return std::nullopt;
        ++made;
        std::vector<Patient> patients;
        for (const auto subject : poisson_sample(samples.size(), plan.rate, *coins)) {
          auto& patient = patients.emplace_back();
          for (const auto sample : samples[subject])
            patient.examples.push_back(
                round.example(sample, made, patient.examples.size(), patient.dropout_keys));
        }
        return patients;
      },
      kStepsAhead);
  constexpr auto kWithheld = std::numeric_limits<double>::quiet_NaN();
  for (std::int64_t at = 1; at <= plan.steps; ++at) {
    gradient.add(ahead.next().value(), sum);
    round.step(sum.release(plan.noise_multiplier, plan.divisor, *noise));
    round.report(at, plan.steps, kWithheld);
  }
  TrainResult result;
  result.steps = plan.steps;
  result.loss = kWithheld;
  if (round.training.weighting == "iterations") result.weight = static_cast<double>(plan.steps);
  if (round.training.weighting == "subjects") result.weight = static_cast<double>(plan.subjects);
  return result;
}

}  // namespace collegium
