#include "torch/training/torch_trainer.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <optional>

#include "base/ranges.h"
#include "collegium/error.h"
#include "collegium/vector_ops.h"
#include "config/privacy_config.h"
#include "config/training_config.h"
#include "privacy/foretold.h"
#include "privacy/weak_delta.h"
#include "torch/graph/memory_limit.h"
#include "torch/network/flat_model.h"
#include "torch/network/model.h"
#include "torch/training/device.h"
#include "torch/training/plain_training.h"
#include "torch/training/private_training.h"
#include "torch/training/validation.h"

namespace collegium {
namespace {

// DP-SGD is asked for. Privacy of whole sites is not this class's: the update is clipped and noised
// after plain training.
std::optional<PrivacyConfig> patient_privacy(const TrainTask& task) {
  auto privacy = PrivacyConfig::read(task.privacy);
  if (privacy && privacy->protects_sites()) privacy.reset();
  return privacy;
}

// What torch says of tensors that do not fit, without its stack, and within the site's `memory`.
// DataError, so that nothing of it leaves a site under privacy.
template <class Work>
auto in_words(const TrainTask& task, std::int64_t memory, const Work& work) {
  try {
    std::optional<MemoryLimit> limit;
    if (memory > 0) limit.emplace(memory);
    return work();
  } catch (const c10::Error& error) {
    throw DataError({.what = "the network cannot work on these data",
                     .where = "site " + task.site + ", round " + std::to_string(task.round),
                     .expected = "inputs and targets of the shapes that network and loss take",
                     .found = error.what_without_backtrace(),
                     .remedy = "compare one sample of the data with the [network] table"});
  }
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
        given_loss(std::move(loss)) {
    if (this->data->subjects() == 0)
      throw DataError({.what = "the data set is empty",
                       .expected = "at least one subject",
                       .found = "none",
                       .remedy = "look at [data] path and [data] subjects"});
  }

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
  TrainResult train_under(const PrivacyConfig& privacy, const LocalRound& round);
  void split(const TrainingConfig& training);
  void use_device(const TrainingConfig& training);
  std::shared_ptr<const Loss> loss_for(const TrainingConfig& training) const;
  Optimizer& optimizer_for(const TrainingConfig& training, const TrainTask& task);

  std::shared_ptr<const Loss> given_loss;
  std::shared_ptr<const Dataset> training_set_;
  std::vector<std::size_t> validation_;  // subjects of `data`
  std::int64_t split_for_ = -1;
  std::optional<FlatModel> model_;
  SampleLayouts layouts_;
  std::unique_ptr<Optimizer> kept_;  // moments = "keep"
  std::string kept_run_;
  double bound_ = 0;  // an adaptive clipping bound is kept for a run: a function of released noise
  std::string bound_run_;
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
      plan_->rounds != task.rounds) {
    plan_ = Planned{training, privacy, task.rounds,
                    PrivatePlan::of(training, privacy, resources.n_public, task.rounds)};
    if (const auto weak = weak_delta(privacy.delta, resources.n_public, task.site);
        weak && resources.log)
      resources.log(Level::warning, Error(*weak).what());
  }
  return plan_->plan;
}

void TorchTrainer::Impl::split(const TrainingConfig& training) {
  if (split_for_ == training.validation) return;
  const auto parts = split_subjects(*data, training.validation);
  validation_ = parts.validation;
  training_set_ = std::make_shared<SubjectSubset>(data, parts.training);
  split_for_ = training.validation;
}

void TorchTrainer::Impl::use_device(const TrainingConfig& training) {
  const auto device = choose_device(resources.device, training.device);
  if (!model_ || model_->flat().device() != device) model_.emplace(layout, device);
}

std::shared_ptr<const Loss> TorchTrainer::Impl::loss_for(const TrainingConfig& training) const {
  if (training.loss.name != kGraphNetwork) return make_loss(training.loss);
  if (given_loss) return given_loss;
  throw ConfigError({.what = "the network came without a loss",
                     .where = "[training.loss] name",
                     .expected = "a built-in loss, or a network that was captured with one",
                     .found = "\"graph\""});
}

Optimizer& TorchTrainer::Impl::optimizer_for(const TrainingConfig& training,
                                             const TrainTask& task) {
  if (training.moments != "keep" || !kept_ || kept_run_ != task.run)
    kept_ = make_optimizer(training, layout);
  kept_run_ = task.run;
  return *kept_;
}

TrainResult TorchTrainer::Impl::train_under(const PrivacyConfig& privacy, const LocalRound& round) {
  const auto& plan = this->plan(round.task, round.training, privacy);
  if (plan.clipping != ClippingMode::adaptive || bound_run_ != round.task.run) bound_ = plan.clip;
  PrivateSum sum(layout, PatientClipping(layout, plan.clipping, bound_));
  const auto result = train_privately(round, plan, resources.noise, layouts_, sum, resources.log);
  bound_ = sum.clipping().sensitivity();
  bound_run_ = round.task.run;
  left_out = sum.clipping().left_out();
  if (round.data.size() == 0 && resources.log)
    resources.log(Level::warning, round.task.site +
                                      ": nobody is left to train on: the update of round " +
                                      std::to_string(round.task.round) + " is noise");
  if (left_out > 0 && resources.log)
    resources.log(Level::warning, round.task.site + ": round " + std::to_string(round.task.round) +
                                      ": " + std::to_string(left_out) +
                                      " gradients were not finite and counted as zero");
  return result;
}

TrainResult TorchTrainer::Impl::train(std::span<const float> model, std::span<float> delta,
                                      const TrainTask& task, const Progress& progress) {
  if (model.size() != layout.size() || delta.size() != layout.size())
    throw DataError({.what = "the model does not fit this network",
                     .expected = std::to_string(layout.size()) + " values",
                     .found = std::to_string(model.size())});
  const auto training = TrainingConfig::read(task.training);
  const auto privacy = patient_privacy(task);
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
  MeanOfIterates mean;
  const LocalRound round{.task = task,
                         .training = training,
                         .progress = progress,
                         .network = *network,
                         .layout = layout,
                         .data = *training_set_,
                         .loss = *loss,
                         .model = *model_,
                         .optimizer = optimizer_for(training, task),
                         .rate = training.lr_in(task.round, task.rounds),
                         .mean = training.iterates == "mean" ? &mean : nullptr};
  const auto result = privacy ? train_under(*privacy, round) : train_plainly(round);
  std::vector<float> last;
  auto after = mean.values();
  if (after.empty()) {
    last.resize(layout.size());
    model_->store(last);
    after = last;
  }
  std::fill(delta.begin(), delta.end(), 0.0f);
  for (const auto& range : moving_ranges(layout))
    subtract(after.subspan(range.offset, range.size), model.subspan(range.offset, range.size),
             delta.subspan(range.offset, range.size));
  return result;
}

std::vector<Metric> TorchTrainer::Impl::evaluate(std::span<const float> model,
                                                 const TrainTask& task) {
  const auto training = TrainingConfig::read(task.training);
  const auto privacy = PrivacyConfig::read(task.privacy);
  if (privacy && privacy->metrics_every == 0)
    return {};  // metrics depend on data, and nothing was charged for them
  split(training);
  if (validation_.empty()) return {};
  if (privacy)
    return bounded_metrics(*network, model, *data, validation_, training, resources.threads,
                           choose_device(resources.device, training.device).str());
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
  const auto privacy = patient_privacy(task);
  if (!privacy) return {};
  const auto& plan = impl_->plan(task, TrainingConfig::read(task.training), *privacy);
  return charged_for(plan.event(), impl_->resources.noise.is_private());
}

TrainResult TorchTrainer::train(std::span<const float> model, std::span<float> delta,
                                const TrainTask& task, const Progress& progress) {
  return in_words(task, impl_->resources.memory,
                  [&] { return impl_->train(model, delta, task, progress); });
}

std::vector<Metric> TorchTrainer::evaluate(std::span<const float> model, const TrainTask& task) {
  return in_words(task, impl_->resources.memory, [&] { return impl_->evaluate(model, task); });
}

std::int64_t TorchTrainer::left_out() const { return impl_->left_out; }

}  // namespace collegium
