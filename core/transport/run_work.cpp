#include "transport/run_work.h"

#include <algorithm>
#include <utility>

#include "collegium/error.h"
#include "collegium/vector_ops.h"
#include "privacy/foretold.h"
#include "privacy/update_noise.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace collegium {
namespace {

// The C library keeps what is freed for the next one who asks, and an update is a lot to keep.
void give_back_memory() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

}  // namespace

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
  parts_.push_back(options_.aggregator());
  if (options_.secure) sum_.emplace(*options_.secure, model_->id.size / sizeof(float));
  if (!parts_.front()->traits().linear) return;
  while (parts_.size() < model_->id.chunks()) parts_.push_back(options_.aggregator());
}

std::optional<Refusal> RunWork::accumulate(const std::string& site, Chunks values, double weight) {
  if (sum_) return sum_->add(std::move(values));
  if (auto refusal = check_values(options_.rules, values)) return refusal;
  if (parts_.empty())
    throw PluginError(
        Problem{.what = "there is no aggregator for this round", .where = "site " + site});
  names_.push_back(std::make_unique<std::string>(site));
  if (parts_.size() == 1) values.join();
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    Floats floats(std::exchange(values.parts.at(i), {}));
    parts_[i]->accumulate(Update{floats.values(), weight, *names_.back()});
    if (parts_[i]->traits().retains_updates) retained_.push_back(std::move(floats));
  }
  weights_.push_back(weight);
  return std::nullopt;
}

void RunWork::charge(std::uint64_t round) {
  const auto event = charged_for(options_.central->event(), options_.random->is_private());
  options_.journal->charge(round, event, options_.central->delta);
}

SharedBlob RunWork::finish_aggregate(std::span<const secagg::Mask> opening) {
  if (parts_.empty()) throw PluginError(Problem{.what = "there is no aggregator for this round"});
  if (options_.central) options_.central->check(*parts_.front(), weights_);
  const Floats before(model_->bytes);
  const std::size_t size = before.values().size();
  if (!small_) give_back_memory();  // that the updates were in, before the new model needs some
  const auto buffer = std::make_shared_for_overwrite<float[]>(size);
  const std::span<float> after(buffer.get(), size);
  const double weight = sum_ ? sum_->open(opening, after) : 0;
  const std::size_t length = parts_.size() > 1 ? kChunkSize / sizeof(float) : size;
  for (std::size_t first = 0; auto& part : parts_) {
    const auto here = after.subspan(first, std::min(length, size - first));
    if (sum_) part->accumulate(Update{here, weight, "the sum"});
    std::fill(here.begin(), here.end(), 0.0f);  // a plugin that leaves gaps shows no old memory
    part->finish(here);
    part.reset();
    first += length;
  }
  drop_aggregate();
  const auto require_finite = [after](const char* what) {
    if (all_finite(after)) return;
    throw PluginError(Problem{
        .what = what,
        .remedy = "look at the updates' norms; [server] norm_bound refuses what is too large"});
  };
  require_finite("the aggregator made values that are not finite");
  if (options_.central)  // before anything else sees it
    noise_update(after, *options_.layout, options_.central->sigma(), *options_.random);
  add_scaled(after, 1.0, before.values());
  require_finite("the model would have values that are not finite");
  return std::make_shared<const Blob>(Blob::of(bytes_of(buffer, size)));
}

void RunWork::drop_aggregate() {
  parts_.clear();
  sum_.reset();
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

std::optional<LedgerPosition> RunWork::recorded() {
  return options_.journal ? options_.journal->recorded() : std::nullopt;
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
