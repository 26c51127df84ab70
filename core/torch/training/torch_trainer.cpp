#include "torch/training/torch_trainer.h"

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "collegium/error.h"
#include "collegium/vector_ops.h"
#include "config/privacy_config.h"
#include "config/training_config.h"
#include "imaging/prefetcher.h"
#include "torch/data/draw_key.h"
#include "torch/network/flat_model.h"
#include "torch/network/model.h"
#include "torch/training/device.h"
#include "torch/training/private_gradient.h"
#include "torch/training/private_plan.h"
#include "torch/training/sampling.h"
#include "torch/training/validation.h"

namespace collegium {
namespace {

constexpr std::size_t kStepsAhead = 2;  // batches made while the network works on the one before

[[noreturn]] void throw_not_finite(const TrainTask& task, std::int64_t step) {
  throw DataError({.what = "the training loss is not finite",
                   .where = "site " + task.site + ", round " + std::to_string(task.round) +
                            ", step " + std::to_string(step),
                   .remedy = "lower [training] lr, and look for empty or extreme images"});
}

[[noreturn]] void throw_stopped(const TrainTask& task) {
  throw Error({.what = "training was stopped",
               .where = "site " + task.site + ", round " + std::to_string(task.round)});
}

}  // namespace

class TorchTrainer::Impl {
 public:
  Impl(std::shared_ptr<const Network> network, Layout layout, std::shared_ptr<const Dataset> data,
       Resources resources, std::shared_ptr<const Loss> loss)
      : network(std::move(network)),
        layout(std::move(layout)),
        data(std::move(data)),
        resources(std::move(resources)),
        given_loss(std::move(loss)) {}

  TrainResult train(std::span<const float> model, std::span<float> delta, const TrainTask& task,
                    const Progress& progress);
  std::vector<Metric> evaluate(std::span<const float> model, const TrainTask& task);
  const PrivatePlan& plan(const TrainTask& task, const TrainingConfig& training,
                          const PrivacyConfig& privacy);

  std::shared_ptr<const Network> network;
  Layout layout;
  std::shared_ptr<const Dataset> data;
  Resources resources;
  std::int64_t left_out = 0;

 private:
  // One round: what train() works with.
  struct Round {
    const TrainTask& task;
    const TrainingConfig& training;
    const Progress& progress;
    const Loss& loss;
    Optimizer& optimizer;
    double rate;
  };

  TrainResult train_plainly(const Round& round);
  TrainResult train_privately(const Round& round, const PrivatePlan& plan);
  void split(const TrainingConfig& training);
  void use_device(const TrainingConfig& training);
  std::shared_ptr<const Loss> loss_for(const TrainingConfig& training) const;
  Optimizer& optimizer_for(const TrainingConfig& training, const TrainTask& task);
  Example example(const Round& round, std::size_t index, std::int64_t step, std::uint64_t number,
                  std::vector<std::uint64_t>& dropout_keys) const;
  void step(Optimizer& optimizer, std::span<const float> gradient, double rate);
  // What a step needs of the data: it depends on no parameter, so it is made ahead of the training.
  struct Prepared {
    std::vector<Example> examples;
    std::vector<std::uint64_t> dropout_keys;
  };
  Prepared prepare(const Round& round, const std::vector<std::size_t>& samples,
                   std::int64_t step) const;
  std::vector<Patient> prepare_patients(const Round& round,
                                        const std::vector<std::size_t>& subjects,
                                        std::int64_t step) const;
  double loss_and_gradient(const Round& round, Prepared prepared, std::int64_t step);

  std::shared_ptr<const Loss> given_loss;
  std::shared_ptr<const Dataset> training_set_;
  std::vector<std::size_t> validation_;            // subjects of `data`
  std::vector<std::vector<std::size_t>> samples_;  // of each subject of training_set_
  std::int64_t split_for_ = -1;
  std::optional<FlatModel> model_;
  std::unique_ptr<Optimizer> kept_;  // moments = "keep"
  std::string kept_run_;
  struct Planned {
    TrainingConfig training;
    PrivacyConfig privacy;
    std::uint64_t rounds = 0;
    PrivatePlan plan;
  };
  std::optional<Planned> plan_;
};

// Calibrating noise takes a while and is the same for every round.
const PrivatePlan& TorchTrainer::Impl::plan(const TrainTask& task, const TrainingConfig& training,
                                            const PrivacyConfig& privacy) {
  if (!plan_ || !(plan_->training == training) || !(plan_->privacy == privacy) ||
      plan_->rounds != task.rounds)
    plan_ = Planned{training, privacy, task.rounds,
                    PrivatePlan::of(training, privacy, resources.n_public, task.rounds)};
  return plan_->plan;
}

void TorchTrainer::Impl::split(const TrainingConfig& training) {
  if (split_for_ == training.validation) return;
  const auto parts = split_subjects(*data, training.validation);
  validation_ = parts.validation;
  training_set_ = std::make_shared<SubjectSubset>(data, parts.training);
  samples_.assign(training_set_->subjects(), {});
  for (std::size_t i = 0; i < training_set_->size(); ++i)
    samples_[training_set_->subject(i)].push_back(i);
  split_for_ = training.validation;
}

void TorchTrainer::Impl::use_device(const TrainingConfig& training) {
  const auto device = choose_device(resources.device, training.device);
  if (!model_ || model_->flat().device() != device) model_.emplace(layout, device);
}

std::shared_ptr<const Loss> TorchTrainer::Impl::loss_for(const TrainingConfig& training) const {
  return given_loss ? given_loss : make_loss(training.loss);
}

Optimizer& TorchTrainer::Impl::optimizer_for(const TrainingConfig& training,
                                             const TrainTask& task) {
  if (training.moments != "keep" || !kept_ || kept_run_ != task.run)
    kept_ = make_optimizer(training, layout);
  kept_run_ = task.run;
  return *kept_;
}

Example TorchTrainer::Impl::example(const Round& round, std::size_t index, std::int64_t step,
                                    std::uint64_t number,
                                    std::vector<std::uint64_t>& dropout_keys) const {
  const auto who = round.task.site + "/" + training_set_->name(training_set_->subject(index));
  const auto draws_for = [&](const char* purpose) {
    return Draws(round.task.seed, round.task.round, draw_key(purpose, who, number),
                 static_cast<std::uint64_t>(step));
  };
  dropout_keys.push_back(draws_for("dropout").bits());
  auto draws = draws_for("example");
  return make_example(training_set_->sample(index), round.training, training_set_->as_scanned(),
                      draws, network->divisor());
}

void TorchTrainer::Impl::step(Optimizer& optimizer, std::span<const float> gradient, double rate) {
  if (model_->flat().is_cpu()) return optimizer.step(model_->values(), gradient, rate);
  std::vector<float> values(layout.size());
  model_->store(values);
  optimizer.step(values, gradient, rate);
  model_->load(values);
}

TorchTrainer::Impl::Prepared TorchTrainer::Impl::prepare(const Round& round,
                                                         const std::vector<std::size_t>& samples,
                                                         std::int64_t step) const {
  Prepared prepared;
  for (std::size_t i = 0; i < samples.size(); ++i)
    prepared.examples.push_back(example(round, samples[i], step, i, prepared.dropout_keys));
  return prepared;
}

std::vector<Patient> TorchTrainer::Impl::prepare_patients(const Round& round,
                                                          const std::vector<std::size_t>& subjects,
                                                          std::int64_t step) const {
  std::vector<Patient> patients;
  for (const auto subject : subjects) {
    auto& patient = patients.emplace_back();
    for (const auto sample : samples_[subject])
      patient.examples.push_back(
          example(round, sample, step, patient.examples.size(), patient.dropout_keys));
  }
  return patients;
}

double TorchTrainer::Impl::loss_and_gradient(const Round& round, Prepared prepared,
                                             std::int64_t step) {
  const c10::AutoGradMode gradients(true);
  auto& [examples, keys] = prepared;
  if (examples.size() == 1 && prefers_pairs(examples[0])) {
    examples.push_back(examples[0]);
    keys.push_back(keys[0]);
  }
  const bool last = round.training.channels_last && examples.size() > 1;
  const auto batch = stack(examples, std::move(keys), model_->flat().device(), last);
  model_->zero_gradient();
  const auto loss = round.loss.mean(
      network->forward(batch.inputs, model_->parameters(), batch.pass), batch.targets);
  const auto value = loss.item<double>();
  if (!std::isfinite(value)) throw_not_finite(round.task, step);
  loss.backward();
  return value;
}

TrainResult TorchTrainer::Impl::train_plainly(const Round& round) {
  const auto batches = shuffled_batches(round.training, training_set_->size(), round.task.seed,
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
  for (std::int64_t at = 0; at < steps; ++at) {
    const double loss = loss_and_gradient(round, ahead.next().value(), at + 1);
    sum += loss;
    const auto gradient = model_->flat_gradient().to(at::kCPU);
    step(round.optimizer, {gradient.const_data_ptr<float>(), layout.size()}, round.rate);
    if (round.progress && !round.progress(at + 1, steps, loss)) throw_stopped(round.task);
  }
  TrainResult result;
  result.steps = steps;
  result.loss = sum / static_cast<double>(steps);
  if (round.training.weighting == "iterations") result.weight = static_cast<double>(steps);
  if (round.training.weighting == "subjects")
    result.weight = static_cast<double>(training_set_->subjects());
  return result;
}

TrainResult TorchTrainer::Impl::train_privately(const Round& round, const PrivatePlan& plan) {
  const auto stream_id =
      draw_key("private", round.task.run + "/" + round.task.site, round.task.round);
  const auto coins = resources.noise.stream(NoisePurpose::subject_sampling, stream_id);
  const auto noise = resources.noise.stream(NoisePurpose::gradient_noise, stream_id);
  const auto mode = network->per_sample() ? PerSample::batched : PerSample::loop;
  PrivateGradient gradient(*network, round.loss, layout, *model_, mode,
                           round.training.channels_last);
  ClippedSum sum(layout, plan.clip);
  std::int64_t made = 0;
  Prefetcher<std::vector<Patient>> ahead(
      [&]() -> std::optional<std::vector<Patient>> {
        if (made == plan.steps) return std::nullopt;
        const auto subjects = poisson_sample(training_set_->subjects(), plan.rate, *coins);
        return prepare_patients(round, subjects, ++made);
      },
      kStepsAhead);
  constexpr auto kWithheld = std::numeric_limits<double>::quiet_NaN();
  for (std::int64_t at = 0; at < plan.steps; ++at) {
    sum.reset();
    gradient.add(ahead.next().value(), sum);
    step(round.optimizer, sum.release(plan.noise_multiplier, plan.divisor, *noise), round.rate);
    if (round.progress && !round.progress(at + 1, plan.steps, kWithheld)) throw_stopped(round.task);
  }
  left_out = sum.left_out();
  if (left_out > 0 && resources.log)
    resources.log(Level::warning, round.task.site + ": round " + std::to_string(round.task.round) +
                                      ": " + std::to_string(left_out) +
                                      " gradients were not finite and counted as zero");
  TrainResult result;
  result.steps = plan.steps;
  result.loss = kWithheld;
  if (round.training.weighting == "iterations") result.weight = static_cast<double>(plan.steps);
  if (round.training.weighting == "subjects") result.weight = static_cast<double>(plan.subjects);
  return result;
}

TrainResult TorchTrainer::Impl::train(std::span<const float> model, std::span<float> delta,
                                      const TrainTask& task, const Progress& progress) {
  if (model.size() != layout.size() || delta.size() != layout.size())
    throw DataError({.what = "the model does not fit this network",
                     .expected = std::to_string(layout.size()) + " values",
                     .found = std::to_string(model.size())});
  const auto training = TrainingConfig::read(task.training);
  const auto privacy = PrivacyConfig::read(task.privacy);
  const ThreadCount threads(resources.threads);
  split(training);
  if (training_set_->size() == 0 && !privacy)
    throw DataError({.what = "this site has nothing to train on",
                     .where = "site " + task.site,
                     .found = std::to_string(data->subjects()) + " subjects, " +
                              std::to_string(training.validation) + " kept aside for validation"});
  use_device(training);
  model_->load(model);
  left_out = 0;
  const auto loss = loss_for(training);
  const Round round{task,
                    training,
                    progress,
                    *loss,
                    optimizer_for(training, task),
                    training.lr_in(task.round, task.rounds)};
  const auto result =
      privacy ? train_privately(round, plan(task, training, *privacy)) : train_plainly(round);
  std::vector<float> after(layout.size());
  model_->store(after);
  std::fill(delta.begin(), delta.end(), 0.0f);
  for (const auto& range : trainable_ranges(layout))
    subtract(std::span<const float>(after).subspan(range.offset, range.size),
             model.subspan(range.offset, range.size), delta.subspan(range.offset, range.size));
  return result;
}

std::vector<Metric> TorchTrainer::Impl::evaluate(std::span<const float> model,
                                                 const TrainTask& task) {
  const auto training = TrainingConfig::read(task.training);
  if (PrivacyConfig::read(task.privacy))
    return {};  // metrics depend on data, and nothing was charged for them
  split(training);
  if (validation_.empty()) return {};
  const auto loss = loss_for(training);
  return validation_metrics(*network, *loss, model, *data, validation_, training, resources.threads,
                            choose_device(resources.device, training.device).str());
}

TorchTrainer::TorchTrainer(const NetworkConfig& network, std::shared_ptr<const Dataset> data,
                           Resources resources)
    : TorchTrainer(make_network(network), network_layout(network), std::move(data),
                   std::move(resources)) {}

TorchTrainer::TorchTrainer(std::shared_ptr<const Network> network, Layout layout,
                           std::shared_ptr<const Dataset> data, Resources resources,
                           std::shared_ptr<const Loss> loss)
    : impl_(std::make_unique<Impl>(std::move(network), std::move(layout), std::move(data),
                                   std::move(resources), std::move(loss))) {}

TorchTrainer::~TorchTrainer() = default;

const Layout& TorchTrainer::layout() const { return impl_->layout; }

PrivacyEvent TorchTrainer::cost(const TrainTask& task) const {
  const auto privacy = PrivacyConfig::read(task.privacy);
  if (!privacy) return {};
  return impl_->plan(task, TrainingConfig::read(task.training), *privacy).event();
}

TrainResult TorchTrainer::train(std::span<const float> model, std::span<float> delta,
                                const TrainTask& task, const Progress& progress) {
  return impl_->train(model, delta, task, progress);
}

std::vector<Metric> TorchTrainer::evaluate(std::span<const float> model, const TrainTask& task) {
  return impl_->evaluate(model, task);
}

std::int64_t TorchTrainer::left_out() const { return impl_->left_out; }

}  // namespace collegium
