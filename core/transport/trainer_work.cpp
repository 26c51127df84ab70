#include "transport/trainer_work.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "collegium/error.h"
#include "config/privacy_config.h"
#include "config/training_config.h"
#include "privacy/foretold.h"
#include "privacy/noise.h"
#include "privacy/update_noise.h"

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

std::string tables_of(const TrainTask& task) {
  Settings tables;
  tables.set("privacy", task.privacy);
  tables.set("mechanism", task.mechanism);
  tables.set("training", task.training);
  tables.set("rounds", static_cast<std::int64_t>(task.rounds));
  return tables.to_toml();
}

}  // namespace

void refuse_second_sum(const Digest& opened, const Digest& sum, std::uint64_t round) {
  if (opened == sum) return;
  throw ProtocolError(
      Problem{.what = "secure aggregation: another sum of round " + std::to_string(round) +
                      " is to be opened; the difference of two sums is one site's update",
              .expected = "the same sites, with the same updates"});
}

TrainerWork::TrainerWork(Options options) : options_(std::move(options)) {}

TrainerWork::TrainerWork(Options options, std::shared_ptr<Trainer> trainer,
                         const at_site::Prepare& run)
    : options_(std::move(options)), trainer_(std::move(trainer)) {
  make(options_, run.mechanism);  // an unknown name is refused here
  begin(run);
}

std::optional<Bytes> TrainerWork::find_network(const BlobId& file) {
  return options_.find_network ? options_.find_network(file) : std::nullopt;
}

std::string TrainerWork::prepare(const at_site::Prepare& run) {
  if (!run.secure_aggregation.keys().empty()) require_secure_identity();
  make(options_, run.mechanism);
  if (!run.file.empty() && options_.keep_network) options_.keep_network(run.file_id, run.file);
  trainer_ = options_.prepare(run);
  begin(run);
  return trainer().layout().hash();
}

void TrainerWork::begin(const at_site::Prepare& run) {
  if (!options_.vault) return;
  TrainTask task{.run = run.run,
                 .rounds = run.rounds,
                 .site = options_.site,
                 .network = run.network,
                 .training = run.training,
                 .privacy = run.privacy,
                 .mechanism = run.mechanism};
  std::vector<PrivacyEvent> schedule;
  for (task.round = 1; task.round <= run.rounds; ++task.round)
    for (const PrivacyEvent& event : cost_of(task)) schedule.push_back(event);
  options_.vault->begin(run, schedule);
}

// For the schedule of a run and for each of its rounds alike. The trainer speaks for its own noise;
// noise that follows from a test key hides nothing, and is charged so.
std::vector<PrivacyEvent> TrainerWork::cost_of(const TrainTask& task) {
  const bool is_private = !options_.random || options_.random->is_private();
  std::vector<PrivacyEvent> cost{trainer().cost(task)};
  const Protection& own = protection(task);
  if (own.site)
    cost.push_back(charged_for(own.site->event(), is_private || !own.site->site_draws()));
  if (own.mechanism)
    cost.push_back(charged_for(own.mechanism->event(context_of(task)), is_private));
  const auto privacy = PrivacyConfig::read(task.privacy);
  if (privacy && privacy->releases_metrics(task.round))
    cost.push_back(charged_for(
        {.kind = PrivacyEvent::Kind::gaussian, .noise_multiplier = privacy->metrics_noise},
        is_private));
  std::erase_if(cost,
                [](const PrivacyEvent& event) { return event.kind == PrivacyEvent::Kind::none; });
  return cost;
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

const TrainerWork::Protection& TrainerWork::protection(const TrainTask& task) {
  std::string asked = tables_of(task);
  if (asked == protection_.asked) return protection_;
  Protection fresh{
      .asked = std::move(asked), .site = {}, .mechanism = make(options_, task.mechanism)};
  const auto privacy = PrivacyConfig::read(task.privacy);
  if (privacy && privacy->protects_sites()) {
    if (fresh.mechanism)
      throw ConfigError(Problem{
          .what = "two things would be done to one update",
          .where = "site " + options_.site,
          .expected = "[privacy] unit = \"site\", or a [mechanism]",
          .found = "both",
          .remedy = "leave out [mechanism]: the whole update is clipped and noised already"});
    fresh.site =
        SitePlan::of(TrainingConfig::read(task.training), *privacy, options_.n_public, task.rounds);
    if (fresh.site->site_draws() && !options_.random)
      throw ConfigError(
          Problem{.what = "this site has no source of noise", .where = "site " + options_.site});
  }
  protection_ = std::move(fresh);
  return protection_;
}

SiteWork::Spent TrainerWork::reserve(const TrainTask& task, std::uint64_t attempt) {
  const std::vector<PrivacyEvent> cost = cost_of(task);
  if (!options_.vault) return {};
  return options_.vault->reserve(task, attempt, cost);
}

// Under privacy only in rounds that are charged for it, and noised: K means over n subjects, one of
// whom moves the K together by at most sqrt(K) / n.
std::vector<Metric> TrainerWork::metrics_of(const Floats& model, const TrainTask& task) {
  const auto privacy = PrivacyConfig::read(task.privacy);
  if (privacy && !privacy->releases_metrics(task.round)) return {};
  std::vector<Metric> metrics = trainer().evaluate(model.values(), task);
  if (!privacy || metrics.empty()) return metrics;
  if (!options_.random)
    throw ConfigError(
        Problem{.what = "this site has no source of noise", .where = "site " + options_.site});
  const std::int64_t subjects = TrainingConfig::read(task.training).validation;
  std::vector<float> values;
  for (Metric& metric : metrics) {
    values.push_back(static_cast<float>(std::clamp(metric.value, 0.0, 1.0)));
    metric.count = subjects;
  }
  const double sensitivity =
      std::sqrt(static_cast<double>(metrics.size())) / static_cast<double>(subjects);
  add_gaussian_noise(values, privacy->metrics_noise * sensitivity, *options_.random);
  for (std::size_t i = 0; i < values.size(); ++i) metrics[i].value = values[i];
  return metrics;
}

// Whatever the data do, an update leaves: training that fails because of them gives zeros, which
// the noise hides like any other update. Steps and weight are public.
TrainResult TrainerWork::train_site(const SitePlan& plan, const Floats& model,
                                    std::span<float> delta, const TrainTask& task,
                                    const Progress& progress) {
  bool stopped = false;
  const auto watched = [&](std::int64_t step, std::int64_t steps, double loss) {
    stopped = !progress(step, steps, loss);
    return !stopped;
  };
  TrainResult result;
  try {
    result.note = trainer().train(model.values(), delta, task, watched).note;
  } catch (const DataError& error) {
    if (stopped) throw;
    std::fill(delta.begin(), delta.end(), 0.0f);
    log({LogEvent::Level::warning, options_.site,
         std::string("training failed, and its update counts as zero: ") + error.what()});
  }
  clip_update(delta, trainer().layout(), plan.clip);
  if (plan.noise == SitePlan::Noise::site)
    noise_update(delta, trainer().layout(), plan.noise_multiplier * plan.clip, *options_.random);
  result.steps = plan.steps;
  result.weight = plan.weight;
  result.loss = std::numeric_limits<double>::quiet_NaN();
  return result;
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
  const Protection& own = protection(order.task);
  std::vector<Metric> metrics;
  if (order.evaluate) metrics = metrics_of(model, order.task);
  std::vector<float> delta(size);
  Output output;
  const auto watched = [&](std::int64_t step, std::int64_t steps, double loss) {
    if (options_.on_progress) options_.on_progress(order.task, step, steps);
    return progress(step, steps, loss);
  };
  if (own.site)
    output.result = train_site(*own.site, model, delta, order.task, watched);
  else
    output.result = trainer.train(model.values(), delta, order.task, watched);
  output.result.metrics.insert(output.result.metrics.begin(), metrics.begin(), metrics.end());
  if (own.mechanism) {
    RoundContext context = context_of(order.task);
    context.local_steps = output.result.steps;
    keep_trainable(delta, trainer.layout());
    own.mechanism->apply(delta, context, *options_.random);
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

void TrainerWork::record(const Record& record) {
  if (options_.vault) options_.vault->record(record);
}

std::optional<LedgerPosition> TrainerWork::recorded() {
  return options_.vault ? options_.vault->recorded() : std::nullopt;
}

void TrainerWork::open_sum(const StoredResult& result, const Digest& sum) {
  if (options_.vault) return options_.vault->open_sum(result, sum);
  refuse_second_sum(opened_.try_emplace(result.round, sum).first->second, sum, result.round);
}

void TrainerWork::require_secure_identity() const {
  if (!options_.secure || !options_.random)
    throw ConfigError(
        Problem{.what = "this site knows no keys of the others, so it cannot tell them from the "
                        "coordinator, and takes no part in secure aggregation",
                .where = "[site] peers",
                .expected = "a folder with NAME.public of every site of the federation",
                .found = "none",
                .remedy = "collect the files from the other hospitals, not from the coordinator"});
}

std::optional<SumNoise> TrainerWork::noise_of_sum(const TrainTask& task) {
  const Protection& own = protection(task);
  if (!own.site || own.site->noise != SitePlan::Noise::sum) return std::nullopt;
  return SumNoise{.clip = own.site->clip,
                  .noise_multiplier = own.site->noise_multiplier,
                  .colluding = PrivacyConfig::read(task.privacy)->colluding,
                  .ranges = trainable_ranges(trainer().layout()),
                  .drawn = [this](const Digest& masked) {
                    if (options_.vault) options_.vault->draw(masked);
                  }};
}

SiteWork::SecureAnswer TrainerWork::secure_step(const at_site::SecureStep& order) {
  require_secure_identity();
  if (!secure_)
    secure_ = std::make_unique<SecureSite>(
        options_.site, *options_.secure, *options_.random,
        [this](const StoredResult& result, const Digest& sum) { open_sum(result, sum); });
  const std::optional<SumNoise> noise = noise_of_sum(order.task);
  if (noise.has_value() != order.stored.owes_noise)
    throw ProtocolError(Problem{.what = "the stored update was not made for such a sum",
                                .where = "site " + options_.site});
  SecureSite::Answer answer = secure_->answer(order, noise ? &*noise : nullptr);
  std::optional<Spent> spent;
  if (noise && options_.vault && order.step == secagg::Step::advertise)
    spent = options_.vault->reserve_draw(order.task, cost_of(order.task));
  if (order.step == secagg::Step::mask && secure_->cut() > 0)
    log({LogEvent::Level::warning, options_.site,
         std::to_string(secure_->cut()) +
             " values of the update were cut at [secure_aggregation] clip"});
  return {std::move(answer.bytes), std::move(answer.masked), spent};
}

void TrainerWork::keep_final_model(const Bytes& model) {
  if (options_.keep_final_model) options_.keep_final_model(model);
}

void TrainerWork::log(const LogEvent& event) {
  if (options_.on_log) options_.on_log(event);
}

}  // namespace collegium
