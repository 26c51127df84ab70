#include "transport/trainer_work.h"

#include <utility>
#include <vector>

#include "collegium/error.h"
#include "transport/float_bytes.h"

namespace collegium {
namespace {

std::unique_ptr<PrivacyMechanism> make(const TrainerWork::Options& options, const Settings& table) {
  if (table.keys().empty()) return nullptr;
  const std::string name = table.text("name");
  if (!options.mechanism || !options.random)
    throw ConfigError(Problem{.what = "this site has no mechanism '" + name + "'",
                              .where = "site " + options.site,
                              .remedy = "name the plugin's file in [plugins] paths"});
  return options.mechanism(table);
}

}  // namespace

TrainerWork::TrainerWork(Options options) : options_(std::move(options)) {}

TrainerWork::TrainerWork(Options options, std::shared_ptr<Trainer> trainer,
                         const Settings& mechanism)
    : options_(std::move(options)),
      trainer_(std::move(trainer)),
      mechanism_(make(options_, mechanism)) {}

std::string TrainerWork::prepare(const at_site::Prepare& run) {
  auto mechanism = make(options_, run.mechanism);
  trainer_ = options_.prepare(run);
  mechanism_ = std::move(mechanism);
  return trainer().layout().hash();
}

Trainer& TrainerWork::trainer() {
  if (!trainer_)
    throw ConfigError(Problem{.what = "there is no network yet", .where = "site " + options_.site});
  return *trainer_;
}

RoundContext TrainerWork::context_of(const TrainTask& task) const {
  return RoundContext{
      .run = task.run, .round = task.round, .site = options_.site, .layout = &trainer_->layout()};
}

SiteWork::Spent TrainerWork::reserve(const TrainTask& task, std::uint64_t attempt) {
  const PrivacyEvent training = trainer().cost(task);
  const PrivacyEvent mechanism = mechanism_ ? mechanism_->event(context_of(task)) : PrivacyEvent{};
  if (!options_.vault) return {};
  return options_.vault->reserve(task, attempt, training, mechanism);
}

SiteWork::Output TrainerWork::train(const at_site::Train& order, const Progress& progress) {
  Trainer& trainer = this->trainer();
  const Floats model(order.model);
  const std::size_t size = trainer.layout().size();
  if (model.values().size() != size)
    throw ProtocolError(Problem{.what = "the model does not fit the network",
                                .where = "site " + options_.site,
                                .expected = std::to_string(size) + " values",
                                .found = std::to_string(model.values().size())});
  std::vector<Metric> metrics;
  if (order.evaluate) metrics = trainer.evaluate(model.values(), order.task);
  std::vector<float> delta(size);
  Output output;
  const auto watched = [&](std::int64_t step, std::int64_t steps, double loss) {
    if (options_.on_progress) options_.on_progress(order.task, step, steps);
    return progress(step, steps, loss);
  };
  output.result = trainer.train(model.values(), delta, order.task, watched);
  output.result.metrics.insert(output.result.metrics.begin(), metrics.begin(), metrics.end());
  if (mechanism_) {
    RoundContext context = context_of(order.task);
    context.local_steps = output.result.steps;
    mechanism_->apply(delta, context, *options_.random);
  }
  output.update = std::make_shared<const Blob>(Blob::of(bytes_of(std::move(delta))));
  return output;
}

std::vector<Metric> TrainerWork::evaluate(const TrainTask& task, const Bytes& model) {
  return trainer().evaluate(Floats(model).values(), task);
}

void TrainerWork::persist(const StoredResult& result, bool charged) {
  if (options_.vault) options_.vault->persist(result, charged);
}

void TrainerWork::keep_final_model(const Bytes& model) {
  if (options_.keep_final_model) options_.keep_final_model(model);
}

void TrainerWork::log(const LogEvent& event) {
  if (options_.on_log) options_.on_log(event);
}

}  // namespace collegium
