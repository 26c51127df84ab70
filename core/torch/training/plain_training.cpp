#include "torch/training/plain_training.h"

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <optional>

#include "collegium/error.h"
#include "imaging/prefetcher.h"
#include "torch/training/batch.h"
#include "torch/training/sampling.h"

namespace collegium {
namespace {

// What a step needs of the data: it depends on no parameter, so it is made ahead of the training.
struct Prepared {
  std::vector<Example> examples;
  std::vector<std::uint64_t> dropout_keys;
};

Prepared prepare(const LocalRound& round, const std::vector<std::size_t>& samples,
                 std::int64_t step) {
  Prepared prepared;
  for (std::size_t i = 0; i < samples.size(); ++i)
    prepared.examples.push_back(round.example(samples[i], step, i, prepared.dropout_keys));
  return prepared;
}

double loss_and_gradient(const LocalRound& round, Prepared prepared, std::int64_t step) {
  const c10::AutoGradMode gradients(true);
  auto& [examples, keys] = prepared;
  if (examples.size() == 1 && prefers_pairs(examples[0])) {
    examples.push_back(examples[0]);
    keys.push_back(keys[0]);
  }
  const bool last = round.channels_last() && examples.size() > 1;
  const auto batch = stack(examples, std::move(keys), round.model.flat().device(), last);
  round.model.zero_gradient();
  const auto loss = round.loss.mean(
      round.network.outputs(batch.inputs, round.model.parameters(), batch.pass), batch.targets);
  const auto value = loss.item<double>();
  if (!std::isfinite(value))
    throw DataError({.what = "the training loss is not finite",
                     .where = "site " + round.task.site + ", round " +
                              std::to_string(round.task.round) + ", step " + std::to_string(step),
                     .remedy = "lower [training] lr, and look for empty or extreme images"});
  loss.backward();
  return value;
}

}  // namespace

TrainResult train_plainly(const LocalRound& round) {
  const auto batches = shuffled_batches(round.training, round.data.size(), round.task.seed,
                                        round.task.round, round.task.site);
  const auto steps = static_cast<std::int64_t>(batches.size());
  std::int64_t made = 0;
  Prefetcher<Prepared> ahead(
      [&]() -> std::optional<Prepared> {
        if (made == steps) return std::nullopt;
        const auto& samples = batches[static_cast<std::size_t>(made)];
        return prepare(round, samples, ++made);
      },
      kStepsAhead);
  double sum = 0;
  for (std::int64_t at = 1; at <= steps; ++at) {
    const double loss = loss_and_gradient(round, ahead.next().value(), at);
    sum += loss;
    const auto gradient = round.model.flat_gradient().to(at::kCPU);
    round.step({gradient.const_data_ptr<float>(), round.layout.size()}, at, steps);
    round.report(at, steps, loss);
  }
  TrainResult result;
  result.steps = steps;
  result.loss = sum / static_cast<double>(steps);
  if (round.training.weighting == "iterations") result.weight = static_cast<double>(steps);
  if (round.training.weighting == "subjects")
    result.weight = static_cast<double>(round.data.subjects());
  return result;
}

}  // namespace collegium
