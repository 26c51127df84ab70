#include "transport/run_work.h"

#include <utility>

#include "collegium/error.h"
#include "collegium/vector_ops.h"
#include "privacy/update_noise.h"

namespace collegium {

RunWork::RunWork(Options options)
    : options_(std::move(options)),
      model_(std::move(options_.model)),
      small_(model_->id.size <= kInlineLimit) {
  if (options_.central && !(options_.layout && options_.random && options_.journal))
    throw PluginError(Problem{
        .what = "central privacy needs a layout, a source of noise and a place for its charges"});
}

void RunWork::open_aggregate(std::uint64_t) {
  drop_aggregate();
  aggregator_ = options_.aggregator();
}

std::optional<Refusal> RunWork::accumulate(const std::string& site, const Bytes& values,
                                           double weight) {
  if (auto refusal = check_values(options_.rules, values)) return refusal;
  if (!aggregator_)
    throw PluginError(
        Problem{.what = "there is no aggregator for this round", .where = "site " + site});
  Floats floats(values);
  names_.push_back(std::make_unique<std::string>(site));
  aggregator_->accumulate(Update{floats.values(), weight, *names_.back()});
  weights_.push_back(weight);
  if (aggregator_->traits().retains_updates) retained_.push_back(std::move(floats));
  return std::nullopt;
}

void RunWork::charge(std::uint64_t round) {
  options_.journal->charge(round, options_.central->event(), options_.central->delta);
}

SharedBlob RunWork::finish_aggregate() {
  if (!aggregator_) throw PluginError(Problem{.what = "there is no aggregator for this round"});
  if (options_.central) options_.central->check(*aggregator_, weights_);
  const Floats before(model_->bytes);
  std::vector<float> after(before.values().size());
  aggregator_->finish(after);
  drop_aggregate();
  if (!all_finite(after))
    throw PluginError(Problem{
        .what = "the aggregator made values that are not finite",
        .remedy = "look at the updates' norms; [server] norm_bound refuses what is too large"});
  if (options_.central)  // before anything else sees it
    noise_update(after, *options_.layout, options_.central->sigma(), *options_.random);
  add_scaled(std::span<float>(after), 1.0, before.values());
  return std::make_shared<const Blob>(Blob::of(bytes_of(std::move(after))));
}

void RunWork::drop_aggregate() {
  aggregator_.reset();
  weights_.clear();
  retained_.clear();
  names_.clear();
}

void RunWork::persist(const RoundRecord& record, const SharedBlob& model) {
  if (options_.journal) {
    if (model)
      options_.journal->round(record, Floats(model->bytes).values());
    else
      options_.journal->round(record, {});
  }
  if (model) model_ = model;
  if (options_.on_round) options_.on_round(record);
}

void RunWork::record_metrics(const std::string& site, std::uint64_t round,
                             const std::vector<Metric>& metrics) {
  if (options_.journal) options_.journal->metrics(site, round, metrics);
}

void RunWork::log(const LogEvent& event) {
  if (options_.on_log) options_.on_log(event);
  if (options_.journal) options_.journal->log(event);
}

void RunWork::sites(const std::vector<SiteView>& sites) {
  if (options_.journal) options_.journal->sites(sites);
}

void RunWork::finish(Outcome outcome, const std::string& reason) {
  if (options_.journal) options_.journal->finish(outcome, reason, Floats(model_->bytes).values());
}

}  // namespace collegium
